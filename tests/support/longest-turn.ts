/** How long, in milliseconds, others had to wait at most for their turn of the event loop while `work` went on. */
export async function longestTurnMs(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let before = performance.now();
  let next: NodeJS.Immediate | undefined;
  const turn = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - before);
    before = now;
    next = setImmediate(turn);
  };
  turn();
  try {
    await work();
    longest = Math.max(longest, performance.now() - before);
  } finally {
    clearImmediate(next);
  }
  return longest;
}
