/** Reads cases from the standard input and prints what web/js/positions.js makes of each; for test_scripts.py. */

import { readFileSync } from 'node:fs'
import { PositionsError, readPositions } from '../../web/js/positions.js'

const results = JSON.parse(readFileSync(0, 'utf-8')).map(([text, images, frameCount, loop]) => {
  try {
    return readPositions(text, images, frameCount, loop).map(({ frame, strength }) => [frame, strength])
  } catch (error) {
    if (!(error instanceof PositionsError)) throw error
    return error.message
  }
})
process.stdout.write(JSON.stringify(results))
