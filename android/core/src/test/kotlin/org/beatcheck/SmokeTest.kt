package org.beatcheck

import org.beatcheck.ffi.bindingCheck
import org.beatcheck.ffi.uniffiEnsureInitialized
import org.beatcheck.ffi.version
import org.junit.jupiter.api.Test
import kotlin.test.assertTrue

class SmokeTest {
    @Test
    fun `the library loads and belongs to the binding`() {
        uniffiEnsureInitialized()
        bindingCheck("0.1.0")
        assertTrue(version().startsWith("0.1.0"))
    }
}
