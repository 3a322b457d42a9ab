// Stand-in for Apple's LocalAuthentication: declarations of just what ios/ uses, written
// by this project from the public documentation, so that the type checker can be run where there is no Apple SDK. See Security.swift.
open class LAContext {
    public init() {}
    open var localizedReason: String = ""
}
