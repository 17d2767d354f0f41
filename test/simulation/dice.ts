/** Chance that can be had again: the same seed throws the same numbers. */
export interface Dice {
  /** A whole number from 0 to `sides - 1`; 0 when there is nothing to choose from. */
  below(sides: number): number;
}

/** mulberry32: 32 bits of state are plenty for the order of some thousand calls. */
export function createDice(seed: number): Dice {
  let state = seed >>> 0;
  return {
    below(sides) {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return sides <= 0 ? 0 : ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
    },
  };
}
