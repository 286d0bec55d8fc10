import type { CommandSpec } from '../command.ts';
import { BUNDLE, FILE, RECIPE_OPTIONS } from './shared.ts';

/** Commands that work on tarballs. */
export const TARBALLS: readonly CommandSpec[] = [
  {
    name: 'audit',
    summary: 'check a tarball or an unpacked release against every rule',
    positionals: [
      {
        name: 'PATH',
        required: true,
        help: 'tarball, directory, or - for a tarball on standard input',
        completes: 'file',
      },
    ],
    options: [...RECIPE_OPTIONS, 'advisories', 'max-age'],
    examples: [
      {
        command: 'audit out/hello-2.0-1-linux-x86_64.tar.gz',
        does: 'exit code 5 if there are findings',
      },
      {
        command: 'audit out/hello-2.0-1-linux-x86_64.tar.gz --advisories osv',
        does: "also if a part has a known vulnerability; osv/ contains OSV's all.zip of PyPI",
      },
    ],
    load: () => import('../commands/audit.ts'),
  },
  {
    name: 'keygen',
    summary: 'generate a key pair for signing releases',
    positionals: [
      {
        name: 'FILE',
        required: true,
        help: 'file for the private key; the public key goes to FILE.pub',
        completes: 'file',
      },
    ],
    options: ['curve', 'passphrase-file'],
    examples: [
      { command: 'keygen release.key', does: 'release.key signs, release.key.pub is for publication' },
      { command: 'keygen release.key --passphrase-file secret', does: 'encrypt the private key' },
    ],
    load: () => import('../commands/keygen.ts'),
  },
  {
    name: 'sign',
    summary: 'check a tarball and sign it, replacing existing signatures',
    positionals: [{ name: 'FILE', required: true, help: 'tarball', completes: 'file' }],
    options: ['key', 'passphrase-file'],
    examples: [
      {
        command: 'sign hello-2.0-1-linux-x86_64.tar.gz --key release.key',
        does: 'sign it; the contents do not change',
      },
    ],
    load: () => import('../commands/sign.ts'),
  },
  {
    name: 'verify',
    summary: 'check every byte of a tarball against its checksums and its signature',
    positionals: [FILE],
    options: ['key'],
    examples: [
      { command: 'verify hello-2.0-1-linux-x86_64.tar.gz', does: 'exit code 4 if a byte is wrong' },
      {
        command: 'verify hello-2.0-1-linux-x86_64.tar.gz --key release.key.pub',
        does: 'exit code 4 also if the owner of that key did not sign it',
      },
    ],
    load: () => import('../commands/verify.ts'),
  },
  {
    name: 'inspect',
    summary: 'show what is inside a tarball: components, versions, licences, sizes',
    positionals: [FILE],
    options: [...RECIPE_OPTIONS, 'sbom', 'vex', 'html', 'cra', 'advisories', 'max-age'],
    examples: [
      { command: 'inspect hello-2.0-1-linux-x86_64.tar.gz --json', does: 'the same for programs' },
      {
        command: 'inspect hello-2.0-1-linux-x86_64.tar.gz --sbom spdx > hello.spdx.json',
        does: 'its bill of materials as SPDX',
      },
      {
        command: 'inspect hello-2.0-1-linux-x86_64.tar.gz --html report.html',
        does: 'sizes, licences, findings, dependencies and times as a page for a browser',
      },
    ],
    load: () => import('../commands/inspect.ts'),
  },
  {
    name: 'diff',
    summary: 'show what differs between two tarballs: versions, sizes, files',
    positionals: [
      { ...FILE, name: 'OLD' },
      { ...FILE, name: 'NEW' },
    ],
    options: ['advisories', 'max-age'],
    examples: [
      {
        command: 'diff hello-1.0-1-linux-x86_64.tar.gz hello-2.0-1-linux-x86_64.tar.gz',
        does: 'what an upgrade changes',
      },
      {
        command:
          'diff hello-1.0-1-linux-x86_64.tar.gz hello-2.0-1-linux-x86_64.tar.gz --advisories /media/usb',
        does: 'also which known vulnerabilities it removes, keeps and adds',
      },
      { command: 'diff mine.tar.gz theirs.tar.gz --json', does: 'every file, for programs' },
    ],
    load: () => import('../commands/diff.ts'),
  },
  {
    name: 'delta',
    summary: 'write the difference between two tarballs',
    positionals: [
      { ...FILE, name: 'OLD' },
      { ...FILE, name: 'NEW' },
    ],
    options: ['out'],
    examples: [
      {
        command: 'delta hello-1.0-1-linux-x86_64.tar.gz hello-2.0-1-linux-x86_64.tar.gz',
        does: 'a much smaller file to transfer instead of the new tarball',
      },
    ],
    load: () => import('../commands/delta.ts'),
  },
  {
    name: 'apply',
    summary: 'make the newer tarball from the older one and a delta',
    positionals: [
      { ...FILE, name: 'OLD' },
      { ...FILE, name: 'DELTA', help: 'file from ksbundle delta, or - for standard input' },
    ],
    options: ['out', 'key'],
    examples: [
      {
        command: 'apply hello-1.0-1-linux-x86_64.tar.gz hello.delta --out .',
        does: 'the newer tarball, byte for byte; exit code 4 if the delta was not made from the older one',
      },
      {
        command: 'apply hello-1.0-1-linux-x86_64.tar.gz hello.delta --key release.key.pub',
        does: 'exit code 4 also if the owner of that key did not sign it',
      },
    ],
    load: () => import('../commands/apply.ts'),
  },
  {
    name: 'oci',
    summary: 'make a container image of a tarball, on top of a base image',
    positionals: [FILE],
    options: ['base', 'out', 'key'],
    examples: [
      {
        command: 'oci hello-2.0-1-linux-x86_64.tar.gz --base debian-layout',
        does: 'an OCI archive, which skopeo and podman read; debian-layout: skopeo copy docker://debian:bookworm-slim oci:debian-layout',
      },
      {
        command: 'oci hello-2.0-1-linux-x86_64.tar.gz --base debian-layout --key release.key.pub',
        does: 'exit code 4 if the owner of that key did not sign it',
      },
    ],
    load: () => import('../commands/oci.ts'),
  },
  {
    name: 'ansible',
    summary: 'write an Ansible collection that installs and upgrades a release on many hosts',
    positionals: [
      FILE,
      {
        name: 'DIR',
        required: true,
        help: 'directory for the collection, an example of an inventory and ansible.cfg',
        completes: 'directory',
      },
    ],
    options: ['key'],
    examples: [
      {
        command: 'ansible hello-2.0-1-linux-x86_64.tar.gz fleet',
        does: 'then, in fleet: ansible-playbook ksbundle.release.deploy',
      },
      {
        command: 'ansible hello-2.0-1-linux-x86_64.tar.gz fleet --key release.key.pub',
        does: 'every host also checks that the owner of that key signed the release',
      },
    ],
    load: () => import('../commands/ansible.ts'),
  },
  {
    name: 'why',
    summary: 'show why a component or a Python distribution is in a bundle',
    positionals: [
      { name: 'NAME', required: true, help: 'component or Python distribution' },
      {
        ...BUNDLE,
        help: `${BUNDLE.help}; or a tarball, or - for standard input`,
        completes: 'bundle or file',
      },
    ],
    options: [...RECIPE_OPTIONS],
    examples: [
      { command: 'why greenlet', does: 'every chain from the bundle to greenlet' },
      {
        command: 'why greenlet hello-2.0-1-linux-x86_64.tar.gz',
        does: 'the same for a tarball, without recipes',
      },
    ],
    load: () => import('../commands/why.ts'),
  },
];
