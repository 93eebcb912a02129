/** What the definition of the Keyframes node tells the page, from the snapshot that tests/nodes holds to the schema. */

import { readFileSync } from 'node:fs'

const SCHEMAS = JSON.parse(readFileSync(new URL('../nodes/schemas.json', import.meta.url), 'utf-8'))

export const trainedLengths = SCHEMAS.InbetweenKeyframes.input.required.frame_rule[1].trained_lengths
