/** A generator of numbers that a seed decides. */
export interface Random {
  /** At least 0, below 1. */
  fraction(): number;
  /** An integer from 0 to `below` - 1. */
  integer(below: number): number;
  pick<T>(choices: readonly T[]): T;
}

/** Mulberry32: good enough to choose what a test does, and the same for the same seed on every machine. */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (below: number): number => Math.floor(fraction() * below);
  return {
    fraction,
    integer,
    pick: (choices) => {
      const choice = choices[integer(choices.length)];
      if (choice === undefined) throw new RangeError('nothing to choose from');
      return choice;
    },
  };
}
