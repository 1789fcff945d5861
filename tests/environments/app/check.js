/** What every environment has to be able to do: a state comes, a request is answered. */
export async function check(Juggler, address = "/ws") {
  const plant = new Juggler(address);
  try {
    await plant.ready;
    return { name: plant.state.name, answer: await plant.request("", ["one", 2]) };
  } finally {
    plant.close();
  }
}

/** What the other end of a worker says first. */
export const answer = (worker) =>
  new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message ?? "the worker cannot be loaded"));
  });
