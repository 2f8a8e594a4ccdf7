/** Id mappings of a user namespace, in OCI's words (user_namespaces(7)). Pure. */

export interface IdMapping {
  containerId: number;
  hostId: number;
  size: number;
}

export interface IdMappings {
  uid: IdMapping[];
  gid: IdMapping[];
}

/** Container id 0 is the user, ids from 1 are the subordinate ranges in order. */
export function rootlessMapping(own: number, ranges: readonly { start: number; count: number }[]): IdMapping[] {
  const mapping: IdMapping[] = [{ containerId: 0, hostId: own, size: 1 }];
  let next = 1;
  for (const { start, count } of ranges) {
    mapping.push({ containerId: next, hostId: start, size: count });
    next += count;
  }
  return mapping;
}

/** The same ids seen from a namespace below: identity, extent by extent, since a child's extents must follow its parent's. */
export function childMapping(parent: readonly IdMapping[]): IdMapping[] {
  return parent.map(({ containerId, size }) => ({ containerId, hostId: containerId, size }));
}

/** How many consecutive ids from 0 a container has. */
export function mappedIds(mapping: readonly IdMapping[]): number {
  return mapping.reduce((sum, { size }) => sum + size, 0);
}

/** `containerId hostId size …`, as newuidmap(1) takes it. */
export function mapText(mapping: readonly IdMapping[]): string {
  return mapping.map(({ containerId, hostId, size }) => `${containerId} ${hostId} ${size}`).join(' ');
}
