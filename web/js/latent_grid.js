/**
 * How a video model packs frames into latent frames; the same as core/timing/latent_grid.py.
 *
 * A grid is {first, step}: the number of frames in latent frame 0, and in every later one.
 */

export const SINGLE_FRAMES = { first: 1, step: 1 }

/** The grid for a rule: "any", or a rule such as "4n+1"; null if the rule cannot be read. */
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

/** The smallest number of frames that fills whole latent frames and is not below a length. */
export function countFrom(length, { first, step }) {
  return first + Math.max(0, Math.ceil((length - first) / step)) * step
}

/** The latent frame that contains a frame, both counted from 0. */
export function latentFrame(frame, { first, step }) {
  return Math.max(0, Math.ceil((frame + 1 - first) / step))
}
