//! The live load as server-sent events: one message a second at most, each with what is new.

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

/// How far apart messages are at least.
const PACE: Duration = Duration::from_secs(1);

/// Marks that a message has at most: the newest.
const MOST_MARKS: usize = 200;

#[derive(Debug, Deserialize)]
pub(super) struct Wish {
    /// The requests that the points are of, by method and name; all of them where there are none such.
    #[serde(default)]
    series: String,
}

/// What changed. A page that was told to begin anew gets the whole load, thinned; then only the seconds that are new.
#[derive(Debug, Serialize)]
struct Message {
    /// Whether the points before these are of no use any more.
    begin: bool,
    names: Vec<String>,
    points: Columns,
    marks: Vec<MarkOut>,
    stats: Stats,
}

/// The first message comes at once.
pub(super) async fn events(
    State(page): State<Page>,
    Query(wish): Query<Wish>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let follower = Follower {
        changes: page.swarm.changes(),
        page,
        series: wish.series,
        run: None,
        seconds: 0,
        next: Instant::now(),
    };
    let messages = futures_util::stream::unfold(follower, |mut follower| async {
        let message = follower.next().await?;
        let event = Event::default().json_data(message).unwrap_or_default();
        Some((Ok(event), follower))
    });
    Sse::new(messages).keep_alive(KeepAlive::default())
}

struct Follower {
    page: Page,
    changes: watch::Receiver<u64>,
    series: String,
    /// The run whose points were sent, and how many seconds of it.
    run: Option<u64>,
    seconds: usize,
    /// When the next message may be sent.
    next: Instant,
}

impl Follower {
    /// Waits for news; `None` when the page ends.
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
