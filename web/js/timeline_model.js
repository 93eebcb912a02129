/** What the timeline shows, and how keyframes move on it: plain functions of numbers that need no page. */

import { countFrom, isPacked } from './latent_grid.js'
import { PositionsError, fromStart, parsePositions, readPositions } from './positions.js'

const NICE_STEPS = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000]
const PLAIN_MARKS = { start: 0, step: 10 }
const TICK_PIXELS = 34

/**
 * The keyframes to show, in the order of the images.
 *
 * @param {{text: string, imageCount: number, exactCount: boolean, frameCount: number, loop: boolean}} given
 *     exactCount: every socket is known to provide one image; otherwise a socket may bring a batch.
 * @returns {{keys: {frame: number, written: number, strength: number, valid: boolean}[], isEven: boolean, error: string}}
 *     Keys that the text puts off the timeline are at its nearest end, with `valid` false. `error` is "" or one line.
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
 * The frame at which a key ends up when it is moved to `target`: on the timeline, and where no other key is.
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

/** The positions to write after one key moved. The last frame is written as -1, so that the key stays at the end. */
export function withFrame(keys, index, frame, frameCount) {
  return written(keys, (key, at) => (at === index ? { ...key, written: frame === frameCount - 1 ? -1 : frame } : key))
}

/** The positions to write after the strength of one key changed. */
export function withStrength(keys, index, strength) {
  const bounded = Math.min(Math.max(strength, 0), 1)
  return written(keys, (key, at) => (at === index ? { ...key, strength: bounded } : key))
}

/** The positions to write after one key was removed. */
export function withoutKey(keys, index) {
  return written(keys, (key) => key).filter((_, at) => at !== index)
}

/** The positions to write after a new image number `index`, which goes to the middle of the widest gap; null if full. */
export function withNewKey(keys, index, frameCount, loop) {
  const edges = [-1, ...keys.map(({ frame }) => frame).sort((one, other) => one - other), frameCount - (loop ? 1 : 0)]
  const gaps = edges.slice(1).map((to, at) => ({ from: edges[at], size: to - edges[at] }))
  const widest = gaps.reduce((best, gap) => (gap.size >= best.size ? gap : best))
  if (widest.size < 2) return null
  const positions = written(keys, (key) => key)
  positions.splice(index, 0, { frame: widest.from + Math.floor(widest.size / 2), strength: 1 })
  return positions
}

/** The marks that a key snaps to: the last frame of each latent frame, or every tenth frame if frames are not packed. */
export function marksOf(grid) {
  return isPacked(grid) ? { start: grid.first - 1, step: grid.step } : PLAIN_MARKS
}

/** The mark nearest to a frame; with a direction of -1 or 1, the next mark on that side. */
export function snapToMark(frame, grid, direction = 0) {
  const { start, step } = marksOf(grid)
  const marks = (frame - start) / step
  if (direction > 0) return start + (Math.floor(marks) + 1) * step
  if (direction < 0) return start + (Math.ceil(marks) - 1) * step
  return start + Math.round(marks) * step
}

/** Frames to label on a ruler of a given width: round numbers, or ends of latent frames, far enough apart to read. */
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
 * The segments between neighbouring keys: the length of each, including both ends, and the expert or model for it.
 *
 * @param {{experts?: number[], models?: {name: string, frames: number}[]}} [trained] the lengths that experts or models
 *     were trained for, ascending; without them, none is named.
 * @returns {{from: number, to: number, length: number, kind: number, name: string, about: string}[]}
 *     kind: 0, 1, ... in the order of length; chooses the colour.
 */
export function segments(keys, frameCount, loop, grid, trained = {}) {
  const frames = keys.filter(({ valid }) => valid).map(({ frame }) => frame)
  if (loop && frames.includes(0)) frames.push(frameCount - 1)
  frames.sort((one, other) => one - other)
  return frames.slice(1).map((to, at) => {
    const from = frames[at]
    const length = to - from + 1
    return { from, to, length, ...suitedTo(length, grid, trained) }
  })
}

/** A time in seconds with two decimals; with colons from one minute on. */
export function timeText(frame, fps) {
  const hundredths = Math.round((frame / fps) * 100)
  const seconds = (hundredths % 6000) / 100
  const minutes = Math.floor(hundredths / 6000)
  if (!minutes) return `${seconds.toFixed(2)} s`
  const tail = `${`${minutes % 60}`.padStart(minutes >= 60 ? 2 : 1, '0')}:${seconds.toFixed(2).padStart(5, '0')}`
  return minutes >= 60 ? `${Math.floor(minutes / 60)}:${tail}` : tail
}

function suitedTo(length, grid, { experts, models }) {
  if (experts) return expertOf(length, grid, experts)
  if (models) return modelOf(length, models)
  return { kind: 0, name: '', about: `${length} frames` }
}

/** The expert with the length nearest to that of the segment, rounded up to the grid; in a tie, the shorter one. */
function expertOf(length, grid, experts) {
  const rounded = countFrom(length, grid)
  const distances = experts.map((expert) => Math.abs(rounded - expert))
  const kind = distances.indexOf(Math.min(...distances))
  const generated = rounded === length ? '' : `, generated as ${rounded}`
  return { kind, name: `expert ${experts[kind]}`, about: `${length} frames${generated}: expert for ${experts[kind]}` }
}

/** The first model that was trained for at least this length. */
function modelOf(length, models) {
  const found = models.findIndex(({ frames }) => length <= frames)
  if (found < 0) return { kind: models.length, name: 'long', about: `${length} frames: more than any model was trained for` }
  const { name, frames } = models[found]
  return { kind: found, name, about: `${length} frames: within the ${frames} that ${name} was trained for` }
}

/** A step, doubled until it is at least `closest`. */
function doubled(step, closest) {
  return step >= closest ? step : doubled(2 * step, closest)
}

function written(keys, change) {
  return keys.map(change).map((key) => ({ frame: key.written, strength: key.strength }))
}
