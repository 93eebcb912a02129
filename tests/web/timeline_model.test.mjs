/** What the timeline shows and how its keys move. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gridOf } from '../../web/js/latent_grid.js'
import { formatPositions, readPositions } from '../../web/js/positions.js'
import {
  freeFrame,
  placeKeys,
  rulerFrames,
  segments,
  snapToMark,
  timeText,
  withFrame,
  withNewKey,
  withStrength,
  withoutKey
} from '../../web/js/timeline_model.js'
import { trainedLengths } from './node_facts.mjs'

const [ANY, WAN, LTX, TWO_FIRST] = ['any', '4n+1', '8n+1', '6n+2'].map(gridOf)

const place = (text, given = {}) =>
  placeKeys({ text, imageCount: 3, exactCount: true, frameCount: 25, loop: false, ...given })
const keysOf = (text, given = {}) => place(text, given).keys
const frames = (keys) => keys.map(({ frame }) => frame)

test('an empty text shows the images evenly, and the last one is written as the last', () => {
  const { keys, isEven, error } = place('')
  assert.deepEqual(frames(keys), [0, 12, 24])
  assert.equal(isEven, true)
  assert.equal(error, '')
  assert.equal(formatPositions(withStrength(keys, 1, 0.5)), '0, 12:0.5, -1')
})

test('without images there is nothing to show', () => {
  assert.deepEqual(place('', { imageCount: 0 }), { keys: [], isEven: true, error: '' })
})

test('a text is shown as it stands, and frames from the end follow the length', () => {
  assert.deepEqual(frames(keysOf('0, 16, -1')), [0, 16, 24])
  assert.deepEqual(frames(keysOf('0, 16, -1', { frameCount: 81 })), [0, 16, 80])
})

test('more or fewer names than images is an error, but not where a batch may bring several', () => {
  assert.match(place('0, -1').error, /names 2 frames but 3 images/)
  assert.deepEqual(frames(place('0, -1').keys), [0, 24])
  assert.equal(place('0, -1', { exactCount: false }).error, '')
  assert.equal(place('0, -1', { imageCount: 0 }).error, '')
})

test('keys that stand nowhere are shown at the end they are beyond, and marked', () => {
  const { keys, error } = place('0, 40, -30')
  assert.deepEqual(frames(keys), [0, 24, 0])
  assert.deepEqual(keys.map(({ valid }) => valid), [true, false, false])
  assert.match(error, /frame 40 is outside/)
  assert.equal(keysOf('3, 3, 9')[1].valid, false)
  assert.equal(keysOf('0, 3, 24', { loop: true })[2].valid, false)
})

test('a text that cannot be read shows its error and no keys', () => {
  const { keys, isEven, error } = place('0, x, 3')
  assert.deepEqual(keys, [])
  assert.equal(isEven, false)
  assert.match(error, /cannot read "x"/)
})

test('a key goes to the whole frame nearest to where it is put, and never beyond the ends', () => {
  const keys = keysOf('0, 12, -1')
  assert.equal(freeFrame(keys, 1, 15.4, 25, false), 15)
  assert.equal(freeFrame(keys, 1, 15.5, 25, false), 16)
  assert.equal(freeFrame(keys, 0, -7, 25, false), 0)
  assert.equal(freeFrame(keysOf('0, 12, 20'), 2, 99, 25, false), 24)
})

test('a key put upon another stands beside it, on the side it came from', () => {
  const keys = keysOf('0, 12, 14')
  assert.equal(freeFrame(keys, 0, 12, 25, false), 11)
  assert.equal(freeFrame(keys, 2, 12, 25, false), 13)
  assert.equal(freeFrame(keysOf('0, 1, 9'), 2, 0, 25, false), 2)
})

test('a step over another key jumps it, and stays where there is no place beyond', () => {
  const keys = keysOf('11, 12, 13')
  assert.equal(freeFrame(keys, 0, 12, 25, false, 1), 14)
  assert.equal(freeFrame(keys, 2, 12, 25, false, -1), 10)
  assert.equal(freeFrame(keysOf('0, 1, 9'), 1, 0, 25, false, -1), 1)
  assert.equal(freeFrame(keysOf('0, 23, -1'), 1, 24, 25, false, 1), 23)
})

test('a full time line leaves every key where it is', () => {
  const keys = keysOf('', { frameCount: 3 })
  for (const direction of [-1, 0, 1]) assert.equal(freeFrame(keys, 1, 2, 3, false, direction), 1)
})

test('in a loop the image of frame 0 stays, and the last frame is kept free', () => {
  const keys = keysOf('0, 12, 20', { loop: true })
  assert.equal(freeFrame(keys, 0, 5, 25, true), 0)
  assert.equal(freeFrame(keys, 2, 24, 25, true), 23)
  assert.equal(freeFrame(keysOf('3, 12, 20', { loop: true }), 0, 0, 25, true), 0)
})

test('what is written after a move, a change of strength, and a key less', () => {
  const keys = keysOf('0, 16:0.8, -1')
  assert.equal(formatPositions(withFrame(keys, 1, 9, 25)), '0, 9:0.8, -1')
  assert.equal(formatPositions(withFrame(keys, 2, 20, 25)), '0, 16:0.8, 20')
  assert.equal(formatPositions(withFrame(keysOf('0, 3, 20'), 2, 24, 25)), '0, 3, -1')
  assert.equal(formatPositions(withStrength(keys, 2, 1.4)), '0, 16:0.8, -1')
  assert.equal(formatPositions(withStrength(keys, 1, -0.2)), '0, 16:0, -1')
  assert.equal(formatPositions(withoutKey(keys, 1)), '0, -1')
})

test('an image more comes into the middle of the widest gap, in its own place of the order', () => {
  assert.equal(formatPositions(withNewKey(keysOf('0, -1'), 2, 25, false)), '0, -1, 12')
  assert.equal(formatPositions(withNewKey(keysOf('0, 4, -1'), 1, 25, false)), '0, 14, 4, -1')
  assert.equal(formatPositions(withNewKey(keysOf('0, 4'), 2, 25, false)), '0, 4, 14')
  assert.equal(formatPositions(withNewKey(keysOf('0, 12', { loop: true }), 2, 25, true)), '0, 12, 18')
  assert.equal(withNewKey(keysOf('0, 1, 2', { frameCount: 3 }), 3, 3, false), null)
})

test('whatever is done, the text stays one that Python reads', () => {
  let seed = 1
  const random = (limit) => (seed = (seed * 48271) % 2147483647) % limit
  for (let run = 0; run < 300; run++) {
    const loop = random(2) === 1
    const [imageCount, frameCount] = [2 + random(5), 9 + random(40)]
    let text = ''
    for (let step = 0; step < 30; step++) {
      const { keys } = placeKeys({ text, imageCount, exactCount: true, frameCount, loop })
      const index = random(imageCount)
      const target = random(frameCount + 8) - 4
      const frame = freeFrame(keys, index, target, frameCount, loop, random(3) - 1)
      text = formatPositions(random(4) ? withFrame(keys, index, frame, frameCount) : withStrength(keys, index, random(21) / 20))
      const read = readPositions(text, imageCount, frameCount, loop)
      assert.equal(new Set(frames(read)).size, imageCount)
    }
  }
})

test('marks are the last frames of latent frames, and tens without those', () => {
  assert.equal(snapToMark(9.4, WAN), 8)
  assert.equal(snapToMark(10.1, WAN), 12)
  assert.equal(snapToMark(14, ANY), 10)
  assert.equal(snapToMark(8, WAN, 1), 12)
  assert.equal(snapToMark(8, WAN, -1), 4)
  assert.equal(snapToMark(9, WAN, 1), 12)
  assert.equal(snapToMark(9, WAN, -1), 8)
  assert.equal(snapToMark(9, LTX), 8)
  assert.equal(snapToMark(8, LTX, 1), 16)
  assert.equal(snapToMark(9, TWO_FIRST), 7)
  assert.equal(snapToMark(7, TWO_FIRST, 1), 13)
  assert.equal(snapToMark(7, TWO_FIRST, -1), 1)
})

test('the ruler names round frames or ends of latent frames, and always the last', () => {
  assert.deepEqual(rulerFrames(25, 300, ANY), [0, 5, 10, 15, 20, 24])
  assert.deepEqual(rulerFrames(25, 300, WAN), [0, 4, 8, 12, 16, 20, 24])
  assert.deepEqual(rulerFrames(81, 300, WAN), [0, 16, 32, 48, 64, 80])
  assert.deepEqual(rulerFrames(25, 300, LTX), [0, 8, 16, 24])
  assert.deepEqual(rulerFrames(20, 300, TWO_FIRST), [1, 7, 13, 19])
  assert.deepEqual(rulerFrames(2, 300, ANY), [0, 1])
  for (const grid of [ANY, WAN, LTX])
    for (const frameCount of [2, 3, 10, 82, 1000, 100000])
      for (const width of [0, 60, 300, 1200]) {
        const named = rulerFrames(frameCount, width, grid)
        assert.equal(named.at(-1), frameCount - 1)
        assert.equal(new Set(named).size, named.length)
        assert.ok(named.length <= Math.max(width / 34, 1) + 2, `${named.length} labels on ${width} pixels`)
      }
})

test('segments take the nearest expert on 4n+1, the shorter of two as near', () => {
  const named = (text, frameCount) =>
    segments(keysOf(text, { frameCount, imageCount: text.split(',').length }), frameCount, false, WAN, trainedLengths['4n+1'])
  // Published: up to 7 frames expert 5, to 13 expert 9, to 25 expert 17, to 49 expert 33, to 73 expert 65, then 81,
  // all of the count rounded up to 4n+1.
  const expected = [[5, 5], [6, 9], [7, 9], [9, 9], [13, 9], [14, 17], [25, 17], [26, 33], [49, 33], [50, 65], [73, 65], [74, 81], [81, 81], [200, 81]]
  for (const [length, expert] of expected) {
    const [segment] = named('0, -1', length)
    assert.equal(segment.name, `expert ${expert}`, `${length} frames`)
    assert.equal(segment.length, length)
  }
  assert.match(named('0, -1', 6)[0].about, /^6 frames, generated as 9: expert for 9$/)
  assert.deepEqual(named('-1, 0, 16', 81).map(({ from, to, length }) => [from, to, length]), [[0, 16, 17], [16, 80, 65]])
})

test('other segments name the first model trained for their length', () => {
  const made = (frameCount) =>
    segments(keysOf('', { frameCount, imageCount: 2 }), frameCount, false, ANY, trainedLengths.any)[0]
  const names = [2, 14, 15, 25, 26, 81, 82].map((frameCount) => made(frameCount).name)
  assert.deepEqual(names, ['SVD', 'SVD', 'SVD-XT', 'SVD-XT', 'Wan', 'Wan', 'long'])
  assert.equal(made(15).about, '15 frames: within the 25 that SVD-XT was trained for')
  const ltx = segments(keysOf('', { frameCount: 257, imageCount: 2 }), 257, false, LTX, trainedLengths['8n+1'])
  assert.equal(ltx[0].about, '257 frames: within the 257 that LTX-Video was trained for')
})

test('where nothing is known of a rule a segment has its length alone', () => {
  const [segment] = segments(keysOf('', { imageCount: 2 }), 25, false, gridOf('6n+1'))
  assert.deepEqual(segment, { from: 0, to: 24, length: 25, kind: 0, name: '', about: '25 frames' })
})

test('a loop has a segment back to its first image, and keys that stand nowhere have none', () => {
  const loop = segments(keysOf('0, 12', { imageCount: 2, loop: true }), 25, true, ANY, trainedLengths.any)
  assert.deepEqual(loop.map(({ from, to }) => [from, to]), [[0, 12], [12, 24]])
  const broken = segments(keysOf('0, 40, 12'), 25, false, ANY, trainedLengths.any)
  assert.deepEqual(broken.map(({ from, to }) => [from, to]), [[0, 12]])
})

test('times', () => {
  assert.equal(timeText(24, 24), '1.00 s')
  assert.equal(timeText(0, 24), '0.00 s')
  assert.equal(timeText(1, 29.97), '0.03 s')
  assert.equal(timeText(1439, 24), '59.96 s')
  assert.equal(timeText(1499, 25), '59.96 s')
  assert.equal(timeText(24 * 60, 24), '1:00.00')
  assert.equal(timeText(24 * 3661 + 12, 24), '1:01:01.50')
  assert.equal(timeText(59.999, 1), '1:00.00')
})
