/* Linked into every shared library in place of crtbeginS.o, which zig does not link: without the call below, libc runs a
   library's atexit handlers after the library was unloaded (httpd with mod_wsgi died so at exit). The handle has to be
   defined too: LLD's own is the library's ELF header, whose first bytes, the same in every library, are what
   atexit would register handlers under. */
void *__dso_handle __attribute__((visibility("hidden"))) = &__dso_handle;

extern void __cxa_finalize(void *) __attribute__((weak));

__attribute__((destructor(101), used)) static void ksbundle_finalize(void) {
  if (__cxa_finalize) __cxa_finalize(__dso_handle);
}
