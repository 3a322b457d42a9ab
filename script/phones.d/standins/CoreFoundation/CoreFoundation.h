/* Stand-in for Apple's header: what SQLCipher calls. */
#pragma once
#include <stdint.h>
typedef const void *CFTypeRef;
typedef const struct __CFString *CFStringRef;
typedef struct __CFBundle *CFBundleRef;
typedef uint32_t CFStringEncoding;
enum { kCFStringEncodingUTF8 = 0x08000100 };
extern const CFStringRef kCFBundleVersionKey;
CFStringRef __CFStringMakeConstantString(const char *text);
#define CFSTR(text) __CFStringMakeConstantString("" text "")
CFBundleRef CFBundleGetBundleWithIdentifier(CFStringRef identifier);
CFTypeRef CFBundleGetValueForInfoDictionaryKey(CFBundleRef bundle, CFStringRef key);
const char *CFStringGetCStringPtr(CFStringRef text, CFStringEncoding encoding);
