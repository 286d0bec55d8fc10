/* Linked into every shared library. What zig links lacks crtbeginS.o, and with it the call that runs a library's atexit
   handlers when it is unloaded; without it libc later calls into unloaded memory (httpd with mod_wsgi died at exit). */
extern void *__dso_handle __attribute__((visibility("hidden")));
extern void __cxa_finalize(void *) __attribute__((weak));

__attribute__((destructor(101), used)) static void ksbundle_finalize(void) {
  if (__cxa_finalize) __cxa_finalize(&__dso_handle);
}
