/* Stand-in for Apple's header: what SQLCipher calls. */
#pragma once
#include <stddef.h>
typedef const struct __SecRandom *SecRandomRef;
extern const SecRandomRef kSecRandomDefault;
int SecRandomCopyBytes(SecRandomRef random, size_t count, void *bytes);
