/** Reads lengths from the standard input and prints whom the timeline names for a segment of each; for test_scripts.py. */

import { readFileSync } from 'node:fs'
import { gridOf } from '../../web/js/latent_grid.js'
import { segments } from '../../web/js/timeline_model.js'
import { trainedLengths } from './node_facts.mjs'

const { rule, lengths } = JSON.parse(readFileSync(0, 'utf-8'))
const names = lengths.map((length) => {
  const ends = [0, length - 1].map((frame) => ({ frame, valid: true }))
  return segments(ends, length, false, gridOf(rule), trainedLengths[rule])[0].name
})
process.stdout.write(JSON.stringify(names))
