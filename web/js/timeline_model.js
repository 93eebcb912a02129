/** What the timeline shows and how keyframes move on it: plain functions of numbers, without a page. */

import { countFrom, isPacked } from './latent_grid.js'
import { PositionsError, fromStart, parsePositions, readPositions } from './positions.js'

const NICE_STEPS = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000]
const PLAIN_MARKS = { start: 0, step: 10 }
const TICK_PIXELS = 34

/**
 * Where the keyframes stand, in the order of the images.
 *
 * @param {{text: string, imageCount: number, exactCount: boolean, frameCount: number, loop: boolean}} given
 *     exactCount: every socket is known to bring one image; otherwise it may be a batch of several.
 * @returns {{keys: {frame: number, written: number, strength: number, valid: boolean}[], isEven: boolean, error: string}}
 *     keys that the text puts off the time line stand at its end with `valid` false; `error` is "" or one line.
 */
export function placeKeys({ text, imageCount, exactCount, frameCount, loop }) {
  const last = frameCount - 1
  let positions = []
  let isEven = false
  let error = ''
  try {
    positions = parsePositions(text)
    isEven = positions.length === 0
    const count = isEven || (exactCount && imageCount) ? imageCount : positions.length
    const resolved = readPositions(text, count, frameCount, loop)
    if (isEven) positions = resolved.map(({ frame, strength }) => ({ frame: frame === last ? -1 : frame, strength }))
  } catch (problem) {
    if (!(problem instanceof PositionsError)) throw problem
    error = problem.message
  }
  const seen = new Set()
  const keys = positions.map(({ frame: written, strength }) => {
    const frame = fromStart(written, frameCount)
    const valid = frame >= 0 && frame <= (loop ? last - 1 : last) && !seen.has(frame)
    seen.add(frame)
    return { frame: Math.min(Math.max(frame, 0), last), written, strength, valid }
  })
  return { keys, isEven, error }
}

/**
 * The frame a key comes to stand at when it is sent to `target`: on the time line, and where no other key is.
 *
 * @param {number} direction -1 or 1 looks for a free frame on that side only, 0 for the nearest on either.
 */
export function freeFrame(keys, index, target, frameCount, loop, direction = 0) {
  const key = keys[index]
  if (loop && key.valid && key.frame === 0) return 0
  const highest = frameCount - (loop ? 2 : 1)
  const wanted = Math.min(Math.max(Math.round(target), 0), highest)
  const taken = new Set(keys.filter((_, other) => other !== index).map(({ frame }) => frame))
  for (let distance = 0; distance < frameCount; distance++) {
    const sides = direction ? [wanted + direction * distance] : [wanted - distance, wanted + distance]
    const found = sides
      .filter((frame) => frame >= 0 && frame <= highest && !taken.has(frame))
      .sort((one, other) => Math.abs(one - key.frame) - Math.abs(other - key.frame))
    if (found.length) return found[0]
  }
  return key.frame
}

/** The positions to write after one key moved; the last frame is written -1, so that it stays the last. */
export function withFrame(keys, index, frame, frameCount) {
  return written(keys, (key, at) => (at === index ? { ...key, written: frame === frameCount - 1 ? -1 : frame } : key))
}

/** The positions to write after the strength of one key changed. */
export function withStrength(keys, index, strength) {
  const bounded = Math.min(Math.max(strength, 0), 1)
  return written(keys, (key, at) => (at === index ? { ...key, strength: bounded } : key))
}

/** The positions to write after one key was taken away. */
export function withoutKey(keys, index) {
  return written(keys, (key) => key).filter((_, at) => at !== index)
}

/** The positions to write after an image came in as number `index`: in the middle of the widest gap, or null if full. */
export function withNewKey(keys, index, frameCount, loop) {
  const edges = [-1, ...keys.map(({ frame }) => frame).sort((one, other) => one - other), frameCount - (loop ? 1 : 0)]
  const gaps = edges.slice(1).map((to, at) => ({ from: edges[at], size: to - edges[at] }))
  const widest = gaps.reduce((best, gap) => (gap.size >= best.size ? gap : best))
  if (widest.size < 2) return null
  const positions = written(keys, (key) => key)
  positions.splice(index, 0, { frame: widest.from + Math.floor(widest.size / 2), strength: 1 })
  return positions
}

/** The marks that a key snaps to, from `start` in steps: the last frame of each latent frame, else tens. */
export function marksOf(grid) {
  return isPacked(grid) ? { start: grid.first - 1, step: grid.step } : PLAIN_MARKS
}

/** The nearest mark to a frame, or with a direction of -1 or 1 the next one on that side. */
export function snapToMark(frame, grid, direction = 0) {
  const { start, step } = marksOf(grid)
  const marks = (frame - start) / step
  if (direction > 0) return start + (Math.floor(marks) + 1) * step
  if (direction < 0) return start + (Math.ceil(marks) - 1) * step
  return start + Math.round(marks) * step
}

/** Frames to label on the ruler of a given width: round numbers, or latent frames' ends, never closer than readable. */
export function rulerFrames(frameCount, width, grid) {
  const last = frameCount - 1
  const closest = (TICK_PIXELS * last) / Math.max(width, TICK_PIXELS)
  const { start } = marksOf(grid)
  const step = isPacked(grid) ? doubled(grid.step, closest) : NICE_STEPS.find((each) => each >= closest)
  const frames = []
  for (let frame = start; frame <= last - step / 2; frame += step) frames.push(frame)
  return [...frames, last]
}

/**
 * What lies between neighbouring keys: its length with both ends, and who makes it.
 *
 * @param {{experts?: number[], models?: {name: string, frames: number}[]}} [trained] the lengths that experts or models
 *     were trained for, ascending; without them there is nobody to name.
 * @returns {{from: number, to: number, length: number, kind: number, name: string, about: string}[]}
 *     kind: 0, 1, ... for the colour, in the order of length.
 */
export function segments(keys, frameCount, loop, grid, trained = {}) {
  const frames = keys.filter(({ valid }) => valid).map(({ frame }) => frame)
  if (loop && frames.includes(0)) frames.push(frameCount - 1)
  frames.sort((one, other) => one - other)
  return frames.slice(1).map((to, at) => {
    const from = frames[at]
    const length = to - from + 1
    return { from, to, length, ...makerOf(length, grid, trained) }
  })
}

/** A time in seconds to two decimals, from an hour on and from a minute on with colons. */
export function timeText(frame, fps) {
  const hundredths = Math.round((frame / fps) * 100)
  const seconds = (hundredths % 6000) / 100
  const minutes = Math.floor(hundredths / 6000)
  if (!minutes) return `${seconds.toFixed(2)} s`
  const tail = `${`${minutes % 60}`.padStart(minutes >= 60 ? 2 : 1, '0')}:${seconds.toFixed(2).padStart(5, '0')}`
  return minutes >= 60 ? `${Math.floor(minutes / 60)}:${tail}` : tail
}

function makerOf(length, grid, { experts, models }) {
  if (experts) return expertOf(length, grid, experts)
  if (models) return modelOf(length, models)
  return { kind: 0, name: '', about: `${length} frames` }
}

/** The expert whose length is nearest to that of the segment, rounded up to the grid; of two as near, the shorter. */
function expertOf(length, grid, experts) {
  const rounded = countFrom(length, grid)
  const distances = experts.map((expert) => Math.abs(rounded - expert))
  const kind = distances.indexOf(Math.min(...distances))
  const made = rounded === length ? '' : `, made as ${rounded}`
  return { kind, name: `expert ${experts[kind]}`, about: `${length} frames${made}: expert for ${experts[kind]}` }
}

/** The first model that was trained for a length as great. */
function modelOf(length, models) {
  const found = models.findIndex(({ frames }) => length <= frames)
  if (found < 0) return { kind: models.length, name: 'long', about: `${length} frames: longer than any engine's training` }
  const { name, frames } = models[found]
  return { kind: found, name, about: `${length} frames: within the ${frames} of ${name}` }
}

/** A step, doubled until it is as long as `closest`. */
function doubled(step, closest) {
  return step >= closest ? step : doubled(2 * step, closest)
}

function written(keys, change) {
  return keys.map(change).map((key) => ({ frame: key.written, strength: key.strength }))
}
