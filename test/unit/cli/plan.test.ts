import { expect, it } from 'vitest';
import { createPlan } from '../../../src/cli/reporter/plan.ts';

it('estimates remaining time by the pace of ended tasks', () => {
  const plan = createPlan();
  const tasks = ['a', 'b', 'c'].map((task) => ({ task, time: 60_000 }));
  plan.add({ type: 'tasks-planned', tasks, jobs: 1 });
  plan.start('a', 0);
  expect(plan.state(30_000)).toEqual({ ended: 0, total: 3, left: 150_000 });
  plan.end('a', 180_000);
  expect(plan.state(180_000)).toEqual({ ended: 1, total: 3, left: 360_000 });
  plan.start('b', 180_000);
  expect(plan.state(240_000)).toEqual({ ended: 1, total: 3, left: 300_000 });
  plan.end('unplanned', 240_000);
  plan.end('b', 240_000);
  expect(plan.state(240_000)).toEqual({ ended: 2, total: 3, left: 120_000 });
});
