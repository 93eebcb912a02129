/** The timeline as an element of the page: it draws the keys and reports the user's actions. It does not know the graph. */

import { isPacked, latentFrame } from './latent_grid.js'
import { marksOf, rulerFrames, segments, snapToMark, timeText } from './timeline_model.js'

const AXIS_PIXELS = 4 // a drag shorter than this is a click
const STRENGTH_PIXELS = 100 // vertical drag that changes the strength from 0 to 1
const STRENGTH_STEP = 0.05
const HELP =
  'Left and right arrows: move by one frame, or with Shift to the next mark. Home and End: first and last frame. ' +
  'Up and down arrows: strength. Delete: remove the image.'

/**
 * @param {object} intents functions to call for the user's actions:
 *     begin() before a change, cancel() to undo it, and commit() after it, which makes it one undo step;
 *     move(index, frame, direction), strengthen(index, strength), remove(index), spread(), setFps(fps).
 */
export class TimelineView {
  #intents
  #shown = null // what was shown last
  #selected = -1 // index of the selected key, or -1
  #drag = null // {pointerId, index, x, y, frame, strength, axis} at the start of the drag
  // Parts of the element, from the top: the keys, the segments, the ruler, details of the selected key, a message.
  #help
  #track
  #keyRow
  #keys = []
  #closing
  #segments
  #ruler
  #name
  #frame
  #time
  #strength
  #fps
  #spread
  #status

  constructor(intents) {
    this.#intents = intents
    this.element = make('div', 'inbetween-timeline', { role: 'group', 'aria-label': 'Keyframe timeline' })
    const style = make('link', '', { rel: 'stylesheet', href: new URL('./timeline.css', import.meta.url).href })
    this.#help = make('div', 'inbetween-help', { id: `inbetween-help-${Math.random().toString(36).slice(2)}` }, HELP)
    this.#track = make('div', 'inbetween-track')
    this.#ruler = make('div', 'inbetween-ruler', { 'aria-hidden': 'true' })
    this.#segments = make('div', 'inbetween-segments', { role: 'list', 'aria-label': 'Segments' })
    this.#keyRow = make('div', 'inbetween-keys')
    this.#closing = this.#makeClosing()
    this.#keyRow.append(this.#closing.box)
    this.#track.append(this.#keyRow, this.#segments, this.#ruler)
    this.#status = make('div', 'inbetween-status', { role: 'status' })
    this.element.append(style, this.#help, this.#track, this.#makeDetails(), this.#status)
    new ResizeObserver(() => this.#shown && this.#drawRuler()).observe(this.#track)
  }

  /**
   * @param {object} shown {keys: [{frame, strength, valid, url}], isEven, frameCount, grid, trained, loop, fps, ownFps,
   *     readOnly, message, isError}. Keys are in the order of the images; `url` is null without a thumbnail; for
   *     `trained`, see `segments`.
   */
  show(shown) {
    this.#shown = shown
    this.element.classList.toggle('inbetween-read-only', shown.readOnly)
    while (this.#keys.length < shown.keys.length) this.#keys.push(this.#makeKey(this.#keys.length))
    for (const { box } of this.#keys.splice(shown.keys.length)) box.remove()
    if (this.#selected >= shown.keys.length) this.#selected = -1
    shown.keys.forEach((key, index) => this.#drawKey(key, index))
    this.#drawClosing()
    this.#drawSegments()
    this.#drawRuler()
    this.#drawDetails()
    this.#status.textContent = this.#status.title = this.#message()
    this.#status.classList.toggle('inbetween-error', shown.isError)
  }

  #message() {
    const { keys, frameCount, grid, message, isError } = this.#shown
    const key = keys[this.#selected]
    if (!key || isError || !isPacked(grid)) return message
    return `Latent frame ${latentFrame(key.frame, grid)} (last: ${latentFrame(frameCount - 1, grid)}). ${message}`
  }

  #makeKey(index) {
    const box = make('div', 'inbetween-key', { role: 'slider', tabindex: '0', 'aria-describedby': this.#help.id })
    const image = make('img', '', { alt: '', draggable: 'false' })
    const number = make('span', 'inbetween-number', { 'aria-hidden': 'true' }, `${index + 1}`)
    const meter = make('span', 'inbetween-meter', { 'aria-hidden': 'true' })
    const label = make('span', 'inbetween-frame', { 'aria-hidden': 'true' })
    box.append(image, number, meter, label)
    box.addEventListener('focus', () => this.#select(index))
    box.addEventListener('pointerdown', (event) => this.#press(event, index))
    box.addEventListener('pointermove', (event) => this.#dragTo(event))
    box.addEventListener('pointerup', ({ pointerId }) => pointerId === this.#drag?.pointerId && this.#release())
    box.addEventListener('pointercancel', ({ pointerId }) => pointerId === this.#drag?.pointerId && this.#release(true))
    box.addEventListener('keydown', (event) => this.#keyDown(event, index))
    box.addEventListener('keyup', (event) => isEditing(event) && this.#intents.commit())
    this.#keyRow.append(box)
    return { box, image, meter, label }
  }

  #drawKey({ frame, strength, valid, url }, index) {
    const { box, image, meter, label } = this.#keys[index]
    const { frameCount, fps, loop } = this.#shown
    box.style.left = this.#share(frame)
    box.classList.toggle('inbetween-selected', index === this.#selected)
    box.classList.toggle('inbetween-invalid', !valid)
    meter.style.setProperty('--strength', `${strength * 100}%`)
    meter.hidden = strength === 1
    picture(image, url)
    label.textContent = `${frame}`
    const place = `frame ${frame}, ${timeText(frame, fps)}, strength ${trim(strength)}`
    box.title = `Image ${index + 1}: ${place}`
    set(box, {
      'aria-label': `Keyframe ${index + 1} of ${this.#shown.keys.length}`,
      'aria-valuemin': 0,
      'aria-valuemax': frameCount - (loop ? 2 : 1),
      'aria-valuenow': frame,
      'aria-valuetext': place,
      'aria-invalid': !valid,
      'aria-disabled': this.#shown.readOnly
    })
  }

  #drawSegments() {
    const { keys, frameCount, grid, trained, loop } = this.#shown
    const bars = segments(keys, frameCount, loop, grid, trained).map(({ from, to, length, kind, name, about }) => {
      const bar = make('div', `inbetween-segment inbetween-kind-${kind}`, { role: 'listitem', title: about })
      bar.style.left = this.#share(from)
      bar.style.width = this.#share(to - from)
      bar.append(make('span', 'inbetween-length', {}, `${length}`))
      if (name) bar.append(make('span', 'inbetween-name', {}, ` · ${name}`))
      return bar
    })
    this.#segments.replaceChildren(...bars)
  }

  /** In a loop the first image also appears at the last frame, where it cannot be moved. */
  #makeClosing() {
    const box = make('div', 'inbetween-key inbetween-closing', { 'aria-hidden': 'true', title: 'Loop: the first image again' })
    const image = make('img', '', { alt: '', draggable: 'false' })
    box.style.left = '100%'
    box.append(image, make('span', 'inbetween-number', {}, '↻'))
    return { box, image }
  }

  #drawClosing() {
    const { keys, loop } = this.#shown
    const first = keys.find(({ frame, valid }) => valid && frame === 0)
    this.#closing.box.hidden = !loop || !first
    picture(this.#closing.image, first?.url)
  }

  #drawRuler() {
    const { frameCount, grid } = this.#shown
    const width = this.#ruler.clientWidth
    const marks = rulerFrames(frameCount, width, grid).map((frame) => {
      const mark = make('span', 'inbetween-mark', {}, `${frame}`)
      mark.style.left = this.#share(frame)
      return mark
    })
    this.#ruler.replaceChildren(...marks)
    const { start, step } = marksOf(grid)
    const pixels = width / Math.max(frameCount - 1, 1)
    this.#ruler.style.setProperty('--mark-start', `${start * pixels}px`)
    this.#ruler.style.setProperty('--mark-step', step * pixels >= 3 ? `${step * pixels}px` : '100%')
  }

  #makeDetails() {
    const details = make('div', 'inbetween-details')
    this.#name = make('span', 'inbetween-label')
    this.#frame = this.#makeNumber('frame', 'at', { min: 0, step: 1 }, (value) =>
      this.#intents.move(this.#selected, value, 0)
    )
    this.#time = make('span', 'inbetween-time')
    this.#strength = this.#makeNumber('strength', 'strength', { min: 0, max: 1, step: STRENGTH_STEP }, (value) =>
      this.#intents.strengthen(this.#selected, value)
    )
    this.#fps = this.#makeNumber('fps', 'fps', { min: 0.001, max: 1000, step: 'any' }, (value) =>
      this.#intents.setFps(value)
    )
    this.#spread = make('button', '', { type: 'button', title: 'Clear the positions and space the images evenly' }, 'Spread')
    this.#spread.addEventListener('click', () => this.#edit(() => this.#intents.spread()))
    details.append(this.#name, this.#frame.label, this.#time, this.#strength.label, this.#fps.label, this.#spread)
    return details
  }

  #makeNumber(name, caption, limits, apply) {
    const input = make('input', '', { type: 'number', 'aria-label': name, ...limits })
    const label = make('label', 'inbetween-number-field', { title: name })
    label.append(make('span', 'inbetween-caption', {}, caption), input)
    input.addEventListener('change', () => {
      if (input.value !== '' && Number.isFinite(input.valueAsNumber)) this.#edit(() => apply(input.valueAsNumber))
      input.value = '' // show() fills in the result
      this.show(this.#shown)
    })
    return { label, input }
  }

  #drawDetails() {
    const { keys, frameCount, fps, ownFps, readOnly, isEven } = this.#shown
    const key = keys[this.#selected]
    this.#name.textContent = key ? `Image ${this.#selected + 1}` : keys.length ? 'Length' : ''
    this.#time.textContent = timeText(key ? key.frame : frameCount, fps)
    this.#time.title = key ? 'time of this frame' : 'length'
    this.#frame.label.hidden = this.#strength.label.hidden = !key
    this.#frame.input.max = frameCount - 1
    fill(this.#frame.input, key ? `${key.frame}` : '', !key || readOnly)
    fill(this.#strength.input, key ? trim(key.strength) : '', !key || readOnly)
    fill(this.#fps.input, trim(fps), false)
    this.#fps.label.hidden = !ownFps
    this.#spread.disabled = readOnly || isEven
  }

  #press(event, index) {
    if (event.button !== 0 || this.#shown.readOnly || this.#drag) return
    const { frame, strength } = this.#shown.keys[index]
    const { pointerId, clientX: x, clientY: y } = event
    this.#drag = { pointerId, index, x, y, frame, strength, axis: null }
    this.#keys[index].box.focus({ preventScroll: true })
    this.#keys[index].box.setPointerCapture(pointerId)
    this.#intents.begin()
  }

  #dragTo(event) {
    const drag = this.#drag
    if (drag?.pointerId !== event.pointerId) return
    const [x, y] = [event.clientX - drag.x, event.clientY - drag.y]
    if (!drag.axis && Math.max(Math.abs(x), Math.abs(y)) < AXIS_PIXELS) return
    drag.axis ??= Math.abs(x) >= Math.abs(y) ? 'frame' : 'strength'
    const { width, height } = this.#ruler.getBoundingClientRect()
    if (drag.axis === 'frame') {
      const target = drag.frame + (x / width) * (this.#shown.frameCount - 1)
      this.#intents.move(drag.index, event.shiftKey ? snapToMark(target, this.#shown.grid) : target, 0)
    } else {
      const scale = height / this.#ruler.offsetHeight // the zoom of the page
      const strength = drag.strength - y / scale / STRENGTH_PIXELS
      this.#intents.strengthen(drag.index, Math.round(strength / STRENGTH_STEP) * STRENGTH_STEP)
    }
  }

  #release(isCancelled = false) {
    if (!this.#drag) return
    this.#drag = null
    if (isCancelled) this.#intents.cancel()
    this.#intents.commit()
  }

  #keyDown(event, index) {
    if (event.key === 'Escape' && this.#drag) this.#release(true)
    else if (!isEditing(event)) return
    else if (!this.#shown.readOnly && !this.#drag) this.#pressKey(event, index)
    event.preventDefault()
    event.stopPropagation() // Delete would otherwise delete the node
  }

  #pressKey({ key, shiftKey, repeat }, index) {
    const { keys, frameCount, grid } = this.#shown
    const { frame, strength } = keys[index]
    if (!repeat) this.#intents.begin()
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[key]
    const stronger = { ArrowUp: 1, ArrowDown: -1 }[key]
    if (direction) {
      this.#intents.move(index, shiftKey ? snapToMark(frame, grid, direction) : frame + direction, direction)
    } else if (stronger) {
      this.#intents.strengthen(index, Math.round(strength / STRENGTH_STEP + stronger) * STRENGTH_STEP)
    } else if (key === 'Home') {
      this.#intents.move(index, 0, 1)
    } else if (key === 'End') {
      this.#intents.move(index, frameCount - 1, -1)
    } else {
      this.#intents.remove(index)
      this.#intents.commit() // now, because if this was the last key, none is left to receive the keyup event
      this.#keys[Math.min(index, this.#keys.length - 1)]?.box.focus({ preventScroll: true })
    }
  }

  #select(index) {
    this.#selected = index
    if (this.#shown) this.show(this.#shown)
  }

  #edit(change) {
    this.#intents.begin()
    change()
    this.#intents.commit()
  }

  #share(frame) {
    return `${(100 * frame) / Math.max(this.#shown.frameCount - 1, 1)}%`
  }
}

function isEditing({ key, ctrlKey, metaKey, altKey }) {
  const keys = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End', 'Delete', 'Backspace']
  return keys.includes(key) && !ctrlKey && !metaKey && !altKey
}

function make(tag, className, attributes = {}, text = '') {
  const element = document.createElement(tag)
  if (className) element.className = className
  set(element, attributes)
  if (text) element.textContent = text
  return element
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, `${value}`)
}

function picture(image, url) {
  if (!url) image.removeAttribute('src')
  else if (image.getAttribute('src') !== url) image.src = url
}

/** Set the value of a field, unless the user is typing in it. */
function fill(input, value, disabled) {
  input.disabled = disabled
  if (input !== document.activeElement || input.value === '') input.value = value
}

function trim(number) {
  return `${Math.round(number * 1000) / 1000}`
}
