/** The page packs frames into latent frames as Python does: one table of cases for both. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { countFrom, gridOf, isPacked, latentFrame } from '../../web/js/latent_grid.js'

const CASES = JSON.parse(readFileSync(new URL('../core/timing/latent_grid_cases.json', import.meta.url), 'utf-8'))

for (const { rule, grid, counts = [], places = [] } of CASES) {
  test(`the rule ${JSON.stringify(rule)}`, () => {
    const read = gridOf(rule)
    assert.deepEqual(read, grid && { first: grid[0], step: grid[1] })
    for (const [length, count] of counts) assert.equal(countFrom(length, read), count)
    for (const [frame, latent] of places) assert.equal(latentFrame(frame, read), latent)
  })
}

test('frames are packed unless each is a latent frame of its own', () => {
  assert.deepEqual(['any', '4n+1', '8n+1'].map((rule) => isPacked(gridOf(rule))), [false, true, true])
})
