/* Stand-in for the NDK's crtbegin_so.o: the name by which a library's destructors are kept apart. */
__attribute__((visibility("hidden"))) void *__dso_handle = &__dso_handle;
