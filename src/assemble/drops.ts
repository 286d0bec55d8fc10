/**
 * Release paths that no bundle ships: tests, sources of compiled modules, headers, type stubs, sources of
 * translations, manual pages, and byte code from upstream. No package is known to need its `tests` at run time. A
 * recipe cannot override this list, so it stays short.
 */
export const COMMON_DROPS: readonly string[] = [
  '**/__pycache__/**',
  '**/*.pyc',
  '**/site-packages/**/{test,tests}/**',
  '**/site-packages/**/*.{c,cc,cpp,pyx,pxd,h,hpp,pyi}',
  '**/site-packages/**/locale/**/*.{po,pot}',
  '**/*.{a,la,pc}',
  'include/**',
  'share/{doc,info,man}/**',
];
