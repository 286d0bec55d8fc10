/**
 * Release paths that no bundle ships: tests, sources of compiled modules, headers, type stubs, translations'
 * sources, manual pages, and byte code that somebody else compiled. Packages that need their `tests` at run
 * time are not known; a recipe that meets one cannot take it back, so this list stays short.
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
