/** How a task ended. `reused` means that its result already existed. */
export type Outcome = 'done' | 'reused' | 'failed' | 'interrupted';

/** A planned task, and its expected milliseconds on one processor; 0 if unknown. */
export interface PlannedTask {
  readonly task: string;
  readonly time: number;
}

/**
 * Progress reports. The terminal, `--events ndjson` and the tests use the same union. A task is named `<stage>:<name>`,
 * for example `fetch:zlib` or `build:openssl`; times are milliseconds.
 */
export type Event =
  | {
      readonly type: 'tasks-planned';
      readonly tasks: readonly PlannedTask[];
      /** Number of parallel tasks. */
      readonly jobs: number;
    }
  | {
      readonly type: 'task-started';
      readonly task: string;
      readonly title: string;
      readonly lastTime?: number;
      /** The task that contains it. */
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
  | {
      readonly type: 'warning';
      readonly message: string;
      readonly hint?: string;
      /** Set if it may be the sign of an attack: then it is shown although only errors were asked for. */
      readonly grave?: true;
    };

export type Emit = (event: Event) => void;

/** The result of a task, and whether it already existed. */
export interface TaskResult<T> {
  readonly outcome: 'done' | 'reused';
  readonly value: T;
}

/** Receives events, and interrupts tasks. */
export interface TaskContext {
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
}

/** Runs `work` as the task `task`: emits its start and end. A failure after the signal is an interruption. */
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
