/**
 * The timeline on the Keyframes node. It shows the widgets and images of the node, and edits the positions text. It also
 * removes the link of an image that the user deletes, stores its display rate as a property of the node, and shows the
 * length that a run found if frame_count is linked. Without this script, the node works by the text alone.
 */

import { api } from '../../../scripts/api.js'
import { app } from '../../../scripts/app.js'
import { connectedImages, feedingNode } from './connected_images.js'
import { SINGLE_FRAMES, gridOf } from './latent_grid.js'
import { formatPositions } from './positions.js'
import { freeFrame, placeKeys, withFrame, withNewKey, withStrength, withoutKey } from './timeline_model.js'
import { TimelineView } from './timeline_view.js'

const NODE = 'InbetweenKeyframes'
const WATCHED = ['frame_count', 'frame_rule', 'loop', 'positions']
const FPS_PROPERTY = 'timeline_fps'
const DEFAULT_FPS = 24
const NEW_NODE_WIDTH = 440
const HEIGHT = 196 // in the page's own units, including the margin of a DOM widget

app.registerExtension({
  name: 'Inbetween.KeyframeTimeline',
  nodeCreated(node) {
    if (node.comfyClass === NODE && node.widgets?.some(({ name }) => name === 'positions')) new KeyframeTimeline(node)
  }
})

class KeyframeTimeline {
  #node
  #view
  #keys = []
  #images = []
  #links = null // links of the images, as last seen; null until then
  #lastRun = null // what the last run reported: {frameCount, imageCount}
  #textBefore = ''
  #isQueued = false
  #isFollowing = false

  constructor(node) {
    this.#node = node
    this.#view = new TimelineView({
      begin: () => (this.#textBefore = this.#value('positions')),
      cancel: () => this.#setWidget('positions', this.#textBefore),
      commit: () => requestAnimationFrame(recordUndoStep),
      move: (index, frame, direction) => this.#move(index, frame, direction),
      strengthen: (index, strength) => this.#write(withStrength(this.#keys, index, strength)),
      remove: (index) => this.#remove(index),
      spread: () => this.#setWidget('positions', ''),
      setFps: (fps) => this.#setFps(fps)
    })
    const options = {
      getMinHeight: () => HEIGHT,
      getMaxHeight: () => HEIGHT,
      hideOnZoom: false,
      hideInPanel: true, // there is only one element, and it belongs in the node
      serialize: false,
      getValue: () => '',
      setValue: () => {}
    }
    const widget = node.addDOMWidget('timeline', NODE + 'Timeline', this.#view.element, options)
    widget.serialize = false
    // If a panel shows it anyway, the page would keep the panel's width for the node (ComfyUI_frontend #13068).
    Object.defineProperty(widget, 'width', { get: () => undefined, set: () => {} })
    forwardToCanvas(this.#view.element)
    this.#listen()
    node.setSize([Math.max(node.size[0], NEW_NODE_WIDTH), node.computeSize()[1]])
    this.#queueRefresh()
  }

  #listen() {
    const node = this.#node
    const refresh = () => this.#queueRefresh()
    for (const name of WATCHED) chain(this.#widget(name), 'callback', refresh)
    chain(node, 'onConnectionsChange', () => {
      this.#queueFollowing()
      refresh()
    })
    chain(node, 'onConfigure', () => {
      this.#links = null
      this.#lastRun = null
      refresh()
    })
    chain(node, 'onExecuted', (output) => this.#learn(output))
    chain(node, 'onAdded', () => api.addEventListener('graphChanged', refresh)) // for example, another file in Load Image
    chain(node, 'onRemoved', () => api.removeEventListener('graphChanged', refresh))
  }

  #queueRefresh() {
    if (this.#isQueued) return
    this.#isQueued = true
    requestAnimationFrame(() => {
      this.#isQueued = false
      if (!this.#node.graph) return
      this.#refresh()
      this.#replaceStaleElement()
    })
  }

  /** After undo replaces a node, Nodes 2.0 keeps showing the old node's element (seen in 1.47.12); put this one there. */
  #replaceStaleElement() {
    const { element } = this.#view
    if (element.isConnected || this.#node.graph !== app.canvas.graph) return
    document.querySelector(`[data-node-id="${this.#node.id}"] .${element.classList[0]}`)?.replaceWith(element)
  }

  #refresh() {
    this.#images = connectedImages(this.#node, api)
    if (!this.#isFollowing) this.#links = this.#images.map(({ link }) => link)
    const exactCount = this.#images.every(({ isSingle }) => isSingle)
    const imageCount = exactCount ? this.#images.length : (this.#lastRun?.imageCount ?? this.#images.length)
    const frameCount = Math.max(Number(this.#value('frame_count')) || 2, 2)
    const [rule, loop] = [this.#value('frame_rule'), Boolean(this.#value('loop'))]
    const placed = placeKeys({ text: this.#value('positions'), imageCount, exactCount, frameCount, loop })
    this.#keys = placed.keys
    const isOneEach = placed.keys.length === this.#images.length
    const upstreamFps = this.#upstreamFps()
    this.#view.show({
      keys: placed.keys.map((key, index) => ({ ...key, url: (isOneEach && this.#images[index].url) || null })),
      isEven: placed.isEven,
      frameCount,
      grid: gridOf(rule) ?? SINGLE_FRAMES,
      trained: trainedLengths(this.#node)[rule],
      loop,
      fps: upstreamFps ?? this.#node.properties[FPS_PROPERTY] ?? DEFAULT_FPS,
      ownFps: upstreamFps === null,
      readOnly: this.#isLinked('positions'),
      message: placed.error || this.#hint(frameCount, exactCount),
      isError: placed.error !== ''
    })
  }

  #hint(frameCount, exactCount) {
    if (this.#isLinked('positions')) return 'The positions come from a link; the timeline shows the text it overrides.'
    if (this.#isLinked('frame_count') && !this.#lastRun)
      return `The length comes from a link; the timeline shows ${frameCount} frames until you run the graph.`
    if (!this.#images.length) return 'Connect images. Each one becomes a keyframe on the timeline.'
    if (!exactCount && !this.#lastRun) return 'Run the graph to find out how many images come in.'
    return 'Drag an image to its frame, or up and down for its strength. Hold Shift to snap to the marks.'
  }

  /**
   * Follow a change of connections in the next animation frame, when the host has moved the sockets up too. Until then
   * the page records no state, so that everything is a single undo step. A node that is loading has not seen links yet,
   * and a removed node has no graph by then, so both keep their text.
   */
  #queueFollowing() {
    if (this.#isFollowing || !this.#links) return
    this.#isFollowing = true
    app.canvas.emitBeforeChange()
    requestAnimationFrame(() => {
      this.#isFollowing = false
      if (this.#node.graph && this.#links) this.#followConnections()
      app.canvas.emitAfterChange()
    })
  }

  /** Add a key for a newly connected image, or remove that of a disconnected one, if the text names every image. */
  #followConnections() {
    const [before, links] = [this.#links, connectedImages(this.#node, api).map(({ link }) => link)]
    if (`${before}` === `${links}`) return
    this.#links = links
    this.#lastRun = null
    const isNew = links.length > before.length
    const index = isNew ? links.findIndex((each) => !before.includes(each)) : before.findIndex((each) => !links.includes(each))
    const [text, loop] = [this.#value('positions'), this.#value('loop')]
    const frameCount = Number(this.#value('frame_count'))
    const { keys, isEven } = placeKeys({ text, frameCount, loop, imageCount: 0, exactCount: false })
    if (index < 0 || isEven || keys.length !== before.length || Math.abs(links.length - before.length) !== 1) return
    const positions = isNew ? withNewKey(keys, index, frameCount, loop) : withoutKey(keys, index)
    if (positions) this.#setWidget('positions', formatPositions(positions, text))
  }

  #move(index, target, direction) {
    const frameCount = Math.max(Number(this.#value('frame_count')), 2)
    const frame = freeFrame(this.#keys, index, target, frameCount, this.#value('loop'), direction)
    if (frame !== this.#keys[index].frame || !this.#keys[index].valid)
      this.#write(withFrame(this.#keys, index, frame, frameCount))
  }

  #remove(index) {
    const image = this.#keys.length === this.#images.length ? this.#images[index] : null
    if (this.#value('positions').trim()) this.#write(withoutKey(this.#keys, index))
    this.#isFollowing = true // the text is already up to date
    if (image) this.#node.disconnectInput(image.slot)
    this.#isFollowing = false
    this.#refresh()
  }

  #write(positions) {
    this.#setWidget('positions', formatPositions(positions, this.#value('positions')))
    this.#refresh()
  }

  #setFps(fps) {
    if (fps > 0) this.#node.setProperty(FPS_PROPERTY, fps)
    this.#refresh()
  }

  /** The frame rate of the Frame Count node that provides the length; null if there is none. */
  #upstreamFps() {
    const slot = this.#node.inputs.findIndex(({ widget }) => widget?.name === 'frame_count')
    const source = slot < 0 ? null : feedingNode(this.#node, slot)
    const fps = Number(source?.comfyClass === 'InbetweenFrameCount' && source.widgets.find(({ name }) => name === 'fps')?.value)
    return fps > 0 ? fps : null
  }

  /** After a run, values that come through links are known; show them in the linked widgets. */
  #learn(output) {
    const [frameCount] = output?.frame_count ?? []
    const [imageCount] = output?.image_count ?? []
    if (!frameCount) return
    this.#lastRun = { frameCount, imageCount }
    if (this.#isLinked('frame_count')) this.#setWidget('frame_count', frameCount)
    this.#queueRefresh()
  }

  #isLinked(name) {
    return this.#node.inputs.some(({ widget, link }) => widget?.name === name && link != null)
  }

  #widget(name) {
    return this.#node.widgets.find((widget) => widget.name === name)
  }

  #value(name) {
    const { value } = this.#widget(name)
    return name === 'positions' ? `${value ?? ''}` : value
  }

  #setWidget(name, value) {
    const [node, widget] = [this.#node, this.#widget(name)]
    const before = widget.value
    if (before === value) return
    widget.value = value
    widget.callback?.(value, app.canvas, node)
    node.onWidgetChanged?.(name, value, before, widget)
    node.setDirtyCanvas(true, true)
  }
}

/** The lengths that models were trained for, by frame rule; Python provides them in the definition of the node. */
function trainedLengths(node) {
  const [, options] = node.constructor.nodeData?.input?.required?.frame_rule ?? []
  return options?.trained_lengths ?? {}
}

/** Call `after` whenever the host calls a hook, in addition to what the hook did before. */
function chain(owner, hook, after) {
  const before = owner[hook]
  owner[hook] = function (...values) {
    const result = before?.apply(this, values)
    after(...values)
    return result
  }
}

/** Make the page compare the graph with its last state, and keep the difference as one undo step. */
function recordUndoStep() {
  app.canvas.emitBeforeChange()
  app.canvas.emitAfterChange()
}

/** Let the wheel and the middle button zoom and pan, as they do outside the timeline. */
function forwardToCanvas(element) {
  element.addEventListener('wheel', (event) => {
    if (!element.closest('.dom-widget')) return // Nodes 2.0 forwards events itself
    event.preventDefault()
    app.canvas.processMouseWheel(event)
  })
  element.addEventListener('pointerdown', (event) => event.button === 1 && app.canvas.processMouseDown(event))
  element.addEventListener('pointermove', (event) => event.buttons & 4 && app.canvas.processMouseMove(event))
  element.addEventListener('pointerup', (event) => event.button === 1 && app.canvas.processMouseUp(event))
}
