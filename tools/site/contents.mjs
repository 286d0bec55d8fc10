/** The pages of docs/ by section, in the order of the navigation; the first is the start page. */
export const SECTIONS = [
  { name: 'Start', pages: [['README.md', 'Start']] },
  { name: 'Tutorial', pages: [['tutorial.md', 'Your own software']] },
  {
    name: 'How to',
    pages: [
      ['how-to.md', 'Run a service'],
      ['air-gap.md', 'Cross the gap: a checklist'],
      ['build-cache.md', 'Share a build cache'],
      ['troubleshooting.md', 'Troubleshoot'],
      ['keystone.md', 'Keystone'],
      ['openstack.md', 'Services beside Keystone'],
      ['containers.md', 'Containers'],
      ['ansible.md', 'Many hosts'],
      ['verification.md', 'Verify a release'],
    ],
  },
  {
    name: 'Reference',
    pages: [
      ['bootstrap.md', 'init/bootstrap.sh'],
      ['cli.md', 'The command line'],
      ['errors.md', 'Errors by code'],
      ['recipes.md', 'Recipes'],
      ['services.md', 'Services'],
      ['fetching.md', 'Fetching'],
      ['audit.md', 'Audit'],
      ['delta.md', 'Deltas'],
      ['serving.md', 'Serving'],
      ['sources.md', 'Sources'],
    ],
  },
  {
    name: 'Explanation',
    pages: [
      ['architecture.md', 'Architecture'],
      ['security.md', 'Security and trust'],
      ['reproducibility.md', 'Reproducibility'],
      ['measurements.md', 'Measurements'],
    ],
  },
];
