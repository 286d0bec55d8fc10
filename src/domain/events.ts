/** How a task ended. `reused` means that its result was already there. */
export type Outcome = 'done' | 'reused' | 'failed' | 'interrupted';

/** A task to come, and the milliseconds that it is expected to take on one processor; 0 if nobody knows. */
export interface PlannedTask {
  readonly task: string;
  readonly time: number;
}

/**
 * Everything that long work reports. The terminal, `--events ndjson` and the tests all see this one union.
 * A task is named `<stage>:<name>`, for example `fetch:zlib` or `build:openssl`; times are milliseconds.
 */
export type Event =
  | {
      readonly type: 'tasks-planned';
      readonly tasks: readonly PlannedTask[];
      /** How many of them run side by side. */
      readonly jobs: number;
    }
  | {
      readonly type: 'task-started';
      readonly task: string;
      readonly title: string;
      readonly lastTime?: number;
      /** The task that it is a small part of. */
      readonly parent?: string;
    }
  | {
      readonly type: 'task-progress';
      readonly task: string;
      readonly done: number;
      readonly total?: number;
      readonly unit: 'bytes' | 'files' | 'steps';
    }
  | { readonly type: 'task-step'; readonly task: string; readonly step: string }
  | { readonly type: 'task-output'; readonly task: string; readonly line: string }
  | { readonly type: 'task-ended'; readonly task: string; readonly outcome: Outcome; readonly time: number }
  | { readonly type: 'warning'; readonly message: string; readonly hint?: string };

export type Emit = (event: Event) => void;

/** What a task's work gives, and whether it was there already. */
export interface TaskResult<T> {
  readonly outcome: 'done' | 'reused';
  readonly value: T;
}

/** Where a task reports to, and what interrupts it. */
export interface TaskContext {
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
}

/** Runs `work` as the task `task`: emits its start and its end. What fails after the signal was interrupted. */
export async function asTask<T>(
  { emit, signal }: TaskContext,
  task: Omit<Extract<Event, { readonly type: 'task-started' }>, 'type'>,
  work: () => Promise<TaskResult<T>>,
): Promise<T> {
  const start = performance.now();
  const end = (outcome: Outcome): void =>
    emit({ type: 'task-ended', task: task.task, outcome, time: performance.now() - start });
  emit({ type: 'task-started', ...task });
  try {
    const { outcome, value } = await work();
    end(outcome);
    return value;
  } catch (error) {
    end(signal?.aborted === true ? 'interrupted' : 'failed');
    throw error;
  }
}
