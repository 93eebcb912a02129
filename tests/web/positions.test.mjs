/** The page reads the positions text as Python does: one table of cases for both. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { PositionsError, formatPositions, parsePositions, readPositions } from '../../web/js/positions.js'

const CASES = JSON.parse(readFileSync(new URL('../core/keyframes/positions_cases.json', import.meta.url), 'utf-8'))

for (const { text, images, frame_count: frameCount, loop, positions, error } of CASES) {
  test(`${JSON.stringify(text)} for ${images} images on ${frameCount} frames${loop ? ' in a loop' : ''}`, () => {
    const read = () => readPositions(text, images, frameCount, loop)
    if (error) assert.throws(read, (thrown) => thrown instanceof PositionsError && thrown.message === error)
    else assert.deepEqual(read(), positions.map(([frame, strength]) => ({ frame, strength })))
  })
}

test('positions are written as a list, or as JSON where the text was JSON, and read back the same', () => {
  const positions = [
    { frame: 0, strength: 1 },
    { frame: 24, strength: 0.8 },
    { frame: -1, strength: 0 }
  ]
  assert.equal(formatPositions(positions), '0, 24:0.8, -1:0')
  assert.equal(formatPositions(positions, ' [0]'), '[0, {"frame": 24, "strength": 0.8}, {"frame": -1, "strength": 0}]')
  for (const like of ['', '[1]']) assert.deepEqual(parsePositions(formatPositions(positions, like)), positions)
})

test('strengths are written without the dust of binary fractions', () => {
  assert.equal(formatPositions([{ frame: 3, strength: 0.1 + 0.2 }]), '3:0.3')
  assert.equal(formatPositions([{ frame: 3, strength: 0.99999 }]), '3')
})
