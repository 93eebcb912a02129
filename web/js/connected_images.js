/** The images that feed the sockets of a Keyframes node, with thumbnails where the page has them. */

const SUBGRAPH_INPUT = -10
const DEEPEST = 32 // nested subgraphs and reroutes; more means a loop
const IMAGE_SOCKET = /^images\./
const FILE_LOADERS = ['LoadImage', 'LoadImageOutput']
const ONE_PICTURE = /\.(png|jpe?g|bmp)( \[\w+\])?$/i // other file types may contain an animation

/**
 * The connected image sockets, in order.
 *
 * @returns {{slot: number, link: number, url: string | null, isSingle: boolean}[]} url: address of a thumbnail, or null;
 *     isSingle: whether the source is known to provide exactly one image.
 */
export function connectedImages(node, api) {
  return node.inputs
    .map((input, slot) => ({ input, slot }))
    .filter(({ input }) => IMAGE_SOCKET.test(input.name) && input.link != null)
    .map(({ input, slot }) => {
      const source = feedingNode(node, slot)
      const file = loadedFile(source)
      return { slot, link: input.link, url: file && viewUrl(file, api), isSingle: ONE_PICTURE.test(file ?? '') }
    })
}

/** The node that feeds an input, looking through reroutes and subgraph boundaries; null if there is none. */
export function feedingNode(node, slot, depth = 0) {
  const graph = node?.graph
  const link = graph?.getLink?.(node.inputs?.[slot]?.link)
  if (!link || depth > DEEPEST) return null
  if (Number(link.origin_id) === SUBGRAPH_INPUT) return throughSubgraphInput(graph, link.origin_slot, depth)
  return throughNode(graph.getNodeById(link.origin_id), link.origin_slot, depth)
}

function throughNode(origin, slot, depth) {
  if (origin?.type === 'Reroute') return feedingNode(origin, 0, depth + 1)
  const inner = origin?.subgraph
  if (!inner) return origin ?? null
  const link = inner.getLink(inner.outputNode?.slots?.[slot]?.linkIds?.[0])
  return link ? throughNode(inner.getNodeById(link.origin_id), link.origin_slot, depth + 1) : null
}

/** Continue outside a subgraph; if the subgraph is used several times, outside its first use. */
function throughSubgraphInput(subgraph, slot, depth) {
  const name = subgraph.inputNode?.slots?.[slot]?.name
  const root = subgraph.rootGraph
  const graphs = root ? [root, ...(root.subgraphs?.values() ?? [])] : []
  const outer = graphs.flatMap((graph) => graph.nodes).find((each) => each.subgraph === subgraph)
  const outerSlot = outer?.inputs?.findIndex((input) => input.name === name) ?? -1
  return outerSlot < 0 ? null : feedingNode(outer, outerSlot, depth + 1)
}

/** The file that a Load Image node reads; null for any other node. */
function loadedFile(node) {
  if (!node || !FILE_LOADERS.includes(node.comfyClass ?? node.type)) return null
  const value = node.widgets?.find((widget) => widget.name === 'image')?.value
  return typeof value === 'string' && value ? value : null
}

/** Address of a thumbnail of a file such as "folder/name.png [output]". */
function viewUrl(file, api) {
  const [, path, type = 'input'] = /^(.*?)(?: \[(input|output|temp)\])?$/.exec(file)
  const parts = path.split('/')
  const query = new URLSearchParams({ filename: parts.pop(), subfolder: parts.join('/'), type, preview: 'jpeg;75' })
  return api.apiURL(`/view?${query}`)
}
