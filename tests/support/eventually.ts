import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until an assertion holds: runs it again and again, and lets its last failure through when time is up.
 * @param deadlineMs how long to try, in milliseconds.
 */
export async function eventually(assertion: () => unknown, deadlineMs = 10_000): Promise<void> {
  const endMs = Date.now() + deadlineMs;
  for (;;) {
    try {
      await assertion();
      return;
    } catch (error) {
      if (Date.now() > endMs) throw error;
    }
    await sleep(5);
  }
}
