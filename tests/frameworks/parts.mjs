// What the components of all frameworks show of a state.

/** The devices that are on. */
export const on = (state) => Object.entries(state?.devices ?? {}).flatMap(([id, device]) => (device.on ? [id] : []));

/** Whether two lists are the same. */
export const isSame = (one, two) => one.length === two.length && one.every((item, index) => item === two[index]);
