// Follows the load. The program sends the whole load once, thinned, and then each new second; when too many seconds
// have come, the page asks anew, so that it does not grow with the length of a run.

const MOST_POINTS = 1200;

// Calls `changed` with { stats, names, points, marks } after every message and `lost` when the program is not there.
export function follow({ changed, lost }) {
  let source = null;
  let series = "";
  let points = null;

  function open() {
    source?.close();
    source = new EventSource(`/events?${new URLSearchParams({ series })}`);
    source.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.begin || points === null) points = message.points;
      else for (const [name, values] of Object.entries(message.points)) points[name].push(...values);
      changed({ ...message, points });
      if (points.seconds.length > MOST_POINTS) open();
    };
    source.onerror = () => {
      lost();
      // A browser gives up where the answer is an error; this does not.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 2000);
    };
  }

  open();
  return {
    choose(name) {
      series = name;
      points = null;
      open();
    },
    // Sees at once what an action has changed.
    refresh: open,
  };
}
