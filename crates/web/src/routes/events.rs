//! Live state of the load as server-sent events: at most one message per second, with the new points.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Page;
use crate::points::Point;
use crate::swarm::Live;
use crate::wire::{Columns, MarkOut, Stats, names, position};

/// Shortest time between two messages.
const PACE: Duration = Duration::from_secs(1);

/// Maximum number of marks in a message; the newest ones are sent.
const MOST_MARKS: usize = 200;

#[derive(Debug, Deserialize)]
pub(super) struct Selection {
    /// Method and name of the requests of the points; all requests if there is no such name.
    #[serde(default)]
    series: String,
}

/// Change of the state. The first message of a load has all points, and later ones have the new seconds.
#[derive(Debug, Serialize)]
struct Message {
    /// `true` if these points replace all earlier ones.
    begin: bool,
    names: Vec<String>,
    points: Columns,
    marks: Vec<MarkOut>,
    stats: Stats,
}

/// Sends the first message at once, and further ones after each change.
pub(super) async fn events(
    State(page): State<Page>,
    Query(selection): Query<Selection>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let follower = Follower {
        changes: page.swarm.changes(),
        page,
        series: selection.series,
        run: None,
        seconds: 0,
        next: Instant::now(),
    };
    let messages = futures_util::stream::unfold(follower, |mut follower| async {
        let message = follower.next().await?;
        let event = Event::default().json_data(message);
        Some((Ok(event.expect("a message is valid JSON")), follower))
    });
    Sse::new(messages).keep_alive(KeepAlive::default())
}

struct Follower {
    page: Page,
    changes: watch::Receiver<u64>,
    series: String,
    /// Run whose points were sent; `None` before the first message.
    run: Option<u64>,
    seconds: usize,
    /// Time from which the next message may be sent.
    next: Instant,
}

impl Follower {
    /// Waits for a change; `None` at the end of the page.
    async fn next(&mut self) -> Option<Message> {
        let first = self.run.is_none();
        let news = async {
            tokio::time::sleep_until(self.next).await;
            if !first {
                self.changes.changed().await.ok()?;
            }
            Some(())
        };
        tokio::select! {
            news = news => news?,
            () = self.page.stop.cancelled() => return None,
        }
        self.changes.borrow_and_update();
        self.next = Instant::now() + PACE;
        let swarm = std::sync::Arc::clone(&self.page.swarm);
        Some(swarm.status(|live| self.message(live)))
    }

    fn message(&mut self, live: &Live) -> Message {
        let begin = self.run != Some(live.run);
        self.run = Some(live.run);
        let measurement = live.measurement.as_ref();
        let name = measurement.and_then(|known| position(known, &self.series));
        let points = if begin {
            live.points.points(name).into_iter().collect()
        } else {
            let timeline = measurement.map_or(&[][..], |known| &known.timeline);
            let new = timeline.iter().skip(self.seconds);
            new.map(|second| Point::of_second(second, name)).collect()
        };
        self.seconds = live.points.seconds();
        Message {
            begin,
            names: measurement.map_or_else(Vec::new, names),
            points,
            marks: measurement.map_or_else(Vec::new, |known| {
                let old = known.marks.len().saturating_sub(MOST_MARKS);
                known.marks[old..].iter().map(Into::into).collect()
            }),
            stats: Stats::of(live),
        }
    }
}
