/**
 * How a video model packs frames into latent frames, as core/timing/latent_grid.py has it.
 *
 * A grid is {first, step}: how many frames are in latent frame 0, and in every later one.
 */

export const SINGLE_FRAMES = { first: 1, step: 1 }

/** The grid of a written rule: "any", or such as "4n+1"; null if it is written otherwise. */
export function gridOf(rule) {
  if (rule === 'any') return SINGLE_FRAMES
  const [, step, first] = /^([1-9][0-9]?)n\+([1-9][0-9]?)$/.exec(rule) ?? []
  const grid = { first: Number(first), step: Number(step) }
  return grid.first <= grid.step ? grid : null
}

/** Whether several frames share a latent frame. */
export function isPacked({ step }) {
  return step > 1
}

/** The smallest number of frames that whole latent frames hold and that is not below a length. */
export function countFrom(length, { first, step }) {
  return first + Math.max(0, Math.ceil((length - first) / step)) * step
}

/** The latent frame that holds a frame, both counted from 0. */
export function latentFrame(frame, { first, step }) {
  return Math.max(0, Math.ceil((frame + 1 - first) / step))
}
