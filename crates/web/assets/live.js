// Live updates. The program first sends the whole load with fewer points, and then each new second. After too many
// seconds the page connects again, so that its memory does not grow with the run.

const MOST_POINTS = 1200;

// Calls `changed` with { stats, names, points, marks } after every message, and `lost` if the program cannot be reached.
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
      // After an error status a browser does not connect again, so this does.
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
    // Shows the effect of an action at once.
    refresh: open,
  };
}
