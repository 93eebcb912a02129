/**
 * The text that gives the positions of keyframes, with the rules and error texts of core/keyframes/positions.py.
 *
 * There are three forms. Frame numbers start at 0; negative numbers count from the end, so -1 is the last frame:
 *
 *     (empty)                                       spread evenly, first image at frame 0, last at the last frame
 *     0, 24:0.8, -1                                 a list; `:0.8` is a strength
 *     [0, {"frame": 24, "strength": 0.8}, -1]       JSON
 *
 * In a loop the image at frame 0 also appears at the last frame. The text names each image once, so it leaves out the
 * last frame.
 *
 * A position is {frame, strength}, in the order of the images. tests/core/keyframes/positions_cases.json tests both
 * versions.
 */

const HOW = 'write frame numbers such as 0, 24, -1 (strength: 24:0.8), or leave it empty to spread the images evenly'
const ENTRY = /^([+-]?[0-9]+)(?::([0-9]*\.?[0-9]+))?$/
const BLANKS = ' \\t\\n\\r\\f\\v\\u00a0\\u3000'
const BETWEEN_WORDS = new RegExp(`[${BLANKS}]+`)
const BETWEEN_ENTRIES = new RegExp(`[,;${BLANKS}]+`)
const AROUND_TEXT = new RegExp(`^[${BLANKS}]+|[${BLANKS}]+$`, 'g')
const AROUND_LIST = new RegExp(`^[,;${BLANKS}]+|[,;${BLANKS}]+$`, 'g')
const MOST_DIGITS = 12

/** What is wrong with the text, in one line that says what to change. */
export class PositionsError extends Error {}

/**
 * Spread images over the timeline, the first at frame 0 and the last at the last frame; halves are rounded up.
 * In a loop the first image also takes the last frame, L, so k images are at 0, L/k, 2L/k, ...
 */
export function evenPositions(imageCount, frameCount, loop = false) {
  if (loop) {
    if (imageCount >= frameCount)
      throw new PositionsError(
        `${imageCount} images do not fit into a loop of ${frameCount} frames, whose last frame repeats the first; ` +
          `set frame_count to ${imageCount + 1} or more.`
      )
    return evenPositions(imageCount + 1, frameCount).slice(0, -1)
  }
  if (imageCount > frameCount)
    throw new PositionsError(
      `${imageCount} images do not fit into ${frameCount} frames; set frame_count to ${imageCount} or more.`
    )
  const gaps = Math.max(imageCount - 1, 1)
  return Array.from({ length: imageCount }, (_, number) => ({
    frame: Math.floor((2 * number * (frameCount - 1) + gaps) / (2 * gaps)),
    strength: 1
  }))
}

/** Read the text as written: negative frames stay negative, and an empty text gives no positions. */
export function parsePositions(text) {
  const trimmed = text.replace(AROUND_TEXT, '')
  if (!trimmed) return []
  const positions = isJson(trimmed) ? jsonEntries(trimmed) : listEntries(trimmed)
  for (const { frame, strength } of positions)
    if (!(strength >= 0 && strength <= 1))
      throw new PositionsError(`positions: frame ${frame} has strength ${general(strength)}; give 0 to 1.`)
  return positions
}

/** Count negative frames from the end, and refuse frames that are off the timeline or used twice. */
export function resolvePositions(positions, frameCount, loop = false) {
  const resolved = new Map()
  for (const { frame: written, strength } of positions) {
    const frame = fromStart(written, frameCount)
    if (frame < 0 || frame >= frameCount)
      throw new PositionsError(
        `positions: frame ${written} is outside the ${frameCount} frames; ` +
          `use 0 to ${frameCount - 1}, or -1 to -${frameCount} from the end.`
      )
    if (resolved.has(frame))
      throw new PositionsError(`positions: two images are at frame ${frame}; give each its own frame.`)
    resolved.set(frame, { frame, strength })
  }
  const last = frameCount - 1
  if (loop && resolved.has(last))
    throw new PositionsError(
      `positions: in a loop the last frame, ${last}, repeats the image at frame 0; ` +
        `use 0 to ${last - 1}, or switch off loop.`
    )
  if (loop && resolved.size && !resolved.has(0))
    throw new PositionsError(
      'positions: a loop starts and ends with the image at frame 0, but the first image is at frame ' +
        `${Math.min(...resolved.keys())}; put an image at frame 0, or switch off loop.`
    )
  return [...resolved.values()]
}

/** The position of each image, in the order of the images; throws a PositionsError if the text does not give them. */
export function readPositions(text, imageCount, frameCount, loop = false) {
  const positions = parsePositions(text)
  if (!positions.length) return evenPositions(imageCount, frameCount, loop)
  if (positions.length !== imageCount)
    throw new PositionsError(
      `positions names ${positions.length} frames but ${imageCount} images came in; ` +
        'give one frame per image, or leave it empty to spread them evenly.'
    )
  return resolvePositions(positions, frameCount, loop)
}

/** The text for positions: JSON if `like` is JSON, else a list. */
export function formatPositions(positions, like = '') {
  const rounded = positions.map(({ frame, strength }) => ({ frame, strength: Math.round(strength * 1000) / 1000 }))
  if (!isJson(like.replace(AROUND_TEXT, '')))
    return rounded.map(({ frame, strength }) => (strength === 1 ? `${frame}` : `${frame}:${strength}`)).join(', ')
  const entries = rounded.map(({ frame, strength }) =>
    strength === 1 ? `${frame}` : `{"frame": ${frame}, "strength": ${strength}}`
  )
  return `[${entries.join(', ')}]`
}

/** The frame number counted from the start, for a frame as written. */
export function fromStart(frame, frameCount) {
  return frame < 0 ? frame + frameCount : frame
}

function isJson(text) {
  return text.startsWith('[') || text.startsWith('{')
}

function listEntries(text) {
  return text
    .replace(AROUND_LIST, '')
    .split(BETWEEN_ENTRIES)
    .map((word) => {
      const match = ENTRY.exec(word)
      if (!match) throw new PositionsError(`positions: cannot read ${shown(word)}; ${HOW}.`)
      return { frame: frameNumber(match[1]), strength: Number(match[2] ?? 1) }
    })
}

function jsonEntries(text) {
  let values
  try {
    values = JSON.parse(text)
  } catch {
    throw new PositionsError(`positions: ${shown(text)} is not valid JSON; ${HOW}.`)
  }
  if (!Array.isArray(values))
    throw new PositionsError(`positions: JSON must be a list like [0, 24, -1], got ${shown(text)}.`)
  return values.map(jsonEntry)
}

function jsonEntry(value) {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  const { frame, strength = 1, ...others } = isObject ? value : { frame: value }
  if (Object.keys(others).length || !Number.isFinite(frame) || !Number.isFinite(strength))
    throw new PositionsError(`positions: cannot read ${shown(JSON.stringify(value))}; ${HOW}.`)
  if (!Number.isInteger(frame))
    throw new PositionsError(
      `positions: frame ${general(frame)} is not a whole number; use ${Math.floor(frame)} or ${Math.ceil(frame)}.`
    )
  return { frame: frameNumber(BigInt(frame).toString()), strength }
}

function frameNumber(digits) {
  if (digits.length > MOST_DIGITS) throw new PositionsError(`positions: ${shown(digits)} is not a frame number; ${HOW}.`)
  return Number(digits) || 0
}

/** A number with at most six digits, formatted like "%g". */
function general(number) {
  const [digits, exponent] = number.toExponential(5).split('e')
  const power = Number(exponent)
  if (power >= -4 && power < 6) return `${Number(number.toPrecision(6))}`
  return `${Number(digits)}e${power < 0 ? '-' : '+'}${`${Math.abs(power)}`.padStart(2, '0')}`
}

/** The text on one line, in quotes and shortened. */
function shown(text) {
  const characters = [...text.split(BETWEEN_WORDS).filter(Boolean).join(' ')]
  return characters.length > 43 ? `"${characters.slice(0, 40).join('')}..."` : `"${characters.join('')}"`
}
