//! A distribution of times, exact in count, mean and extremes, and to three significant digits in its percentiles.

#![expect(
    clippy::missing_panics_doc,
    reason = "the ranges that a histogram could refuse are constants here"
)]

mod kind;
mod request;
mod statistic;

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};

pub use kind::TimeKind;
pub use request::RequestTimes;
pub use statistic::{Statistic, ordinal_percentile};

/// The longest time that is told apart, ten minutes; longer ones count as this long in percentiles.
pub const LONGEST: Duration = Duration::from_mins(10);

const LONGEST_US: u64 = 600_000_000;
const INITIAL_RANGE_US: u64 = 1_000_000;

/// Times from 1 µs to [`LONGEST`], as an HDR histogram of three significant digits
/// beside the exact sum, minimum and maximum.
///
/// Percentiles of several distributions come from [`Times::merge`], never from averaging theirs.
#[derive(Clone)]
pub struct Times {
    histogram: Histogram<u64>,
    sum_us: u64,
    min_us: u64,
    max_us: u64,
}

/// Without the thousands of counters.
impl fmt::Debug for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Times")
            .field("count", &self.count())
            .field("min", &self.min())
            .field("median", &self.quantile(0.5))
            .field("max", &self.max())
            .finish_non_exhaustive()
    }
}

/// Equal where they are stored as the same bytes. Histograms that have room for different ranges are equal
/// if what they hold is, which the histogram's own comparison does not see.
impl PartialEq for Times {
    fn eq(&self, other: &Self) -> bool {
        self.encode() == other.encode()
    }
}

impl Default for Times {
    fn default() -> Self {
        Self::new()
    }
}

impl Times {
    /// No times yet.
    pub fn new() -> Self {
        let mut histogram = Histogram::new_with_bounds(1, INITIAL_RANGE_US, 3)
            .expect("the bounds and digits are within HDR's limits");
        // Grows with the longest time seen, so that a fast server's histogram stays small.
        histogram.auto(true);
        Self {
            histogram,
            sum_us: 0,
            min_us: u64::MAX,
            max_us: 0,
        }
    }

    /// Adds one time.
    pub fn record(&mut self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bounded = us.clamp(1, LONGEST_US);
        self.histogram
            .record(bounded)
            .expect("the histogram grows up to the longest time");
        self.sum_us = self.sum_us.saturating_add(us);
        self.min_us = self.min_us.min(us);
        self.max_us = self.max_us.max(us);
    }

    /// Adds a time that was taken so many times.
    pub fn record_many(&mut self, time: Duration, count: u64) {
        if count == 0 {
            return;
        }
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.histogram
            .record_n(us.clamp(1, LONGEST_US), count)
            .expect("the histogram grows up to the longest time");
        self.sum_us = self.sum_us.saturating_add(us.saturating_mul(count));
        self.min_us = self.min_us.min(us);
        self.max_us = self.max_us.max(us);
    }

    /// Replaces the sum and the extremes of rounded times by the exact ones, and says whether they can be.
    pub fn set_exact(&mut self, sum: Duration, min: Duration, max: Duration) -> bool {
        let [sum, min, max] =
            [sum, min, max].map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        let possible = self.count() > 0 && min <= max && max <= sum;
        if possible {
            (self.sum_us, self.min_us, self.max_us) = (sum, min, max);
        }
        possible
    }

    /// Adds every time of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.histogram
            .add(&other.histogram)
            .expect("both histograms have the same digits and grow");
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.min_us = self.min_us.min(other.min_us);
        self.max_us = self.max_us.max(other.max_us);
    }

    /// Forgets every time and keeps the memory.
    pub fn clear(&mut self) {
        // Unlike its `clear`, this forgets the extremes as well.
        self.histogram.reset();
        (self.sum_us, self.min_us, self.max_us) = (0, u64::MAX, 0);
    }

    /// How many times were recorded.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The exact mean; `None` without times.
    pub fn mean(&self) -> Option<Duration> {
        let count = self.count();
        (count > 0).then(|| Duration::from_secs_f64(self.sum_us as f64 / count as f64 / 1e6))
    }

    /// The variance, in seconds squared, to the precision of the percentiles; 0 without times.
    pub fn variance(&self) -> f64 {
        if self.count() == 0 {
            return 0.0;
        }
        (self.histogram.stdev() / 1e6).powi(2)
    }

    /// The exact sum of all times.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_us)
    }

    /// The distinct times, ascending, with the number of each: to three significant digits and never outside the exact
    /// extremes, as [`Times::quantile`] gives them.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.histogram.iter_recorded().map(|bucket| {
            let us = bucket.value_iterated_to().clamp(self.min_us, self.max_us);
            (Duration::from_micros(us), bucket.count_at_value())
        })
    }

    /// The share of all times, 0 to 1, that are longer than `limit`; 0 without times.
    pub fn share_above(&self, limit: Duration) -> f64 {
        let us = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        let up_to = self.histogram.count_between(0, us);
        (self.count() - up_to.min(self.count())) as f64 / self.count().max(1) as f64
    }

    /// The exact shortest time; `None` without times.
    pub fn min(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_micros(self.min_us))
    }

    /// The exact longest time; `None` without times.
    pub fn max(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_micros(self.max_us))
    }

    /// The time that a share `quantile` (0 to 1) of all times does not exceed, to three significant digits
    /// and never outside the exact extremes; `None` without times.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        (self.count() > 0).then(|| {
            let us = self.histogram.value_at_quantile(quantile.clamp(0.0, 1.0));
            Duration::from_micros(us.clamp(self.min_us, self.max_us))
        })
    }

    /// The times in a form small enough to keep one for every second of a long run. Equal times give equal bytes.
    pub fn encode(&self) -> EncodedTimes {
        let mut histogram = Vec::new();
        if self.count() > 0 {
            // The range is part of the bytes and would otherwise tell how the times came together.
            let range = self.histogram.max().max(INITIAL_RANGE_US);
            let mut fitting = Histogram::<u64>::new_with_bounds(1, range, 3)
                .expect("the range is at least that of `new`");
            fitting
                .add(&self.histogram)
                .expect("the range ends at the longest time");
            V2Serializer::new()
                .serialize(&fitting, &mut histogram)
                .expect("writing to a vector cannot fail");
        }
        EncodedTimes {
            histogram,
            sum_us: self.sum_us,
            min_us: self.min_us,
            max_us: self.max_us,
        }
    }
}

/// [`Times`] at rest: HdrHistogram's V2 encoding, and the exact sum, minimum and maximum in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedTimes {
    /// The V2 encoding; empty where there are no times.
    pub histogram: Vec<u8>,
    /// The exact sum of all times, in microseconds.
    pub sum_us: u64,
    /// The exact shortest time, in microseconds; `u64::MAX` without times.
    pub min_us: u64,
    /// The exact longest time, in microseconds.
    pub max_us: u64,
}

impl Default for EncodedTimes {
    fn default() -> Self {
        Self {
            histogram: Vec::new(),
            sum_us: 0,
            min_us: u64::MAX,
            max_us: 0,
        }
    }
}

impl EncodedTimes {
    /// The times again; `None` where the bytes are no histogram of [`Times`], or the exact figures contradict each other.
    ///
    /// Bytes from a file may be anything: what is returned is safe to use, whatever they were.
    pub fn decode(&self) -> Option<Times> {
        let mut times = Times::new();
        if !self.histogram.is_empty() {
            check_header(&self.histogram)?;
            let histogram: Histogram<u64> = Deserializer::new()
                .deserialize(&mut self.histogram.as_slice())
                .ok()?;
            times.histogram.add(&histogram).ok()?;
        }
        let consistent = if times.count() == 0 {
            *self == Self::default()
        } else {
            self.min_us <= self.max_us && self.max_us <= self.sum_us
        };
        (times.sum_us, times.min_us, times.max_us) = (self.sum_us, self.min_us, self.max_us);
        consistent.then_some(times)
    }
}

/// Refuses what the decoder would trust: a length or range that makes it reserve gigabytes,
/// and the one number whose negation overflows.
fn check_header(bytes: &[u8]) -> Option<()> {
    const HEADER: usize = 40;
    // The histogram doubles its range, so that it ends between the longest time and twice that.
    const HIGHEST: u64 = 2 * LONGEST_US;
    let payload = u32::from_be_bytes(bytes.get(4..8)?.try_into().ok()?);
    let digits = u32::from_be_bytes(bytes.get(12..16)?.try_into().ok()?);
    let high = u64::from_be_bytes(bytes.get(24..32)?.try_into().ok()?);
    let fits = usize::try_from(payload).ok()?.checked_add(HEADER)? == bytes.len();
    let negatable = !bytes.windows(9).any(|window| window == [0xff; 9]);
    (fits && digits == 3 && high <= HIGHEST && negatable).then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times(milliseconds: &[u64]) -> Times {
        let mut times = Times::new();
        for ms in milliseconds {
            times.record(Duration::from_millis(*ms));
        }
        times
    }

    /// Everything that a reader of decoded times may call.
    fn use_all(times: &Times) {
        let mut sum = Times::new();
        sum.merge(times);
        sum.record(Duration::MAX);
        for times in [times, &sum] {
            let _ = (times.mean(), times.min(), times.max(), times.encode());
            for quantile in [0.0, 0.5, 1.0, f64::NAN] {
                times.quantile(quantile);
            }
        }
    }

    #[test]
    fn buckets_are_what_quantiles_give() {
        let times = times(&[5, 5, 1234, 98_765]);
        let buckets: Vec<_> = times.buckets().collect();
        assert_eq!(
            buckets,
            [
                (times.quantile(0.5).unwrap(), 2),
                (times.quantile(0.75).unwrap(), 1),
                (times.quantile(1.0).unwrap(), 1)
            ]
        );
        assert_eq!(times.sum(), Duration::from_millis(100_009));
        assert_eq!(Times::new().buckets().count(), 0);
    }

    #[test]
    fn mean_and_extremes_are_exact() {
        let times = times(&[1, 1234, 98_765]);
        assert_eq!(times.min(), Some(Duration::from_millis(1)));
        assert_eq!(times.max(), Some(Duration::from_millis(98_765)));
        assert_eq!(
            times.mean(),
            Some(Duration::from_millis(100_000 / 3))
                .map(|mean| mean + Duration::from_nanos(333_333))
        );
    }

    #[test]
    fn shares_above_a_limit_are_counted() {
        let times = times(&[1, 20, 21, 300]);
        let percent = |times: &Times, ms| {
            let share = times.share_above(Duration::from_millis(ms));
            format!("{:.0}", share * 100.0)
        };
        let shares = [0, 20, 25, 300].map(|ms| percent(&times, ms));
        assert_eq!(shares, ["100", "50", "25", "0"]);
        assert_eq!(percent(&Times::new(), 0), "0");
    }

    #[test]
    fn no_times_have_no_figures() {
        let times = Times::new();
        assert_eq!(
            (times.mean(), times.min(), times.max(), times.quantile(0.5)),
            (None, None, None, None)
        );
    }

    #[test]
    fn a_time_beyond_the_longest_counts_as_the_longest() {
        let times = times(&[700_000]);
        assert_eq!(times.max(), Some(Duration::from_secs(700)));
        assert_eq!(times.count(), 1);
        use_all(&times);
    }

    #[test]
    fn cleared_times_are_new() {
        let mut times = times(&[5, 100_000]);
        times.clear();
        assert_eq!(times, Times::new());
    }

    #[test]
    fn contradictory_figures_are_refused() {
        let good = times(&[10, 20]).encode();
        assert!(good.decode().is_some());
        for bad in [
            EncodedTimes {
                min_us: good.max_us + 1,
                ..good.clone()
            },
            EncodedTimes {
                sum_us: 0,
                ..good.clone()
            },
            EncodedTimes {
                sum_us: 1,
                ..EncodedTimes::default()
            },
            EncodedTimes {
                histogram: Vec::new(),
                ..good.clone()
            },
            EncodedTimes {
                histogram: vec![0; 40],
                ..good.clone()
            },
            EncodedTimes {
                histogram: good.histogram[..30].to_vec(),
                ..good.clone()
            },
        ] {
            assert_eq!(bad.decode(), None, "{bad:?}");
        }
    }

    #[test]
    fn a_header_that_asks_for_gigabytes_is_refused() {
        for (offset, value) in [(4, 0xff), (12, 5), (24, 0x7f), (27, 0xff)] {
            let mut bad = times(&[10]).encode();
            bad.histogram[offset] = value;
            assert_eq!(bad.decode(), None, "byte {offset} set to {value}");
        }
    }

    #[test]
    fn a_count_whose_negation_overflows_is_refused() {
        let mut bad = times(&[10]).encode();
        bad.histogram.truncate(40);
        bad.histogram.extend([0xff; 9]);
        bad.histogram[4..8].copy_from_slice(&9_u32.to_be_bytes());
        assert_eq!(bad.decode(), None);
    }

    proptest! {
        #[test]
        fn encoding_keeps_everything(ms in proptest::collection::vec(0_u64..800_000, 0..50)) {
            let times = times(&ms);
            prop_assert_eq!(times.encode().decode(), Some(times));
        }

        #[test]
        fn any_bytes_decode_to_nothing_or_to_usable_times(
            ms in proptest::collection::vec(0_u64..100_000, 1..20),
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8),
            figures in any::<Option<(u64, u64, u64)>>(),
        ) {
            let mut encoded = times(&ms).encode();
            for (index, byte) in changes {
                *index.get_mut(&mut encoded.histogram) = byte;
            }
            if let Some((sum_us, min_us, max_us)) = figures {
                encoded = EncodedTimes { sum_us, min_us, max_us, ..encoded };
            }
            if let Some(times) = encoded.decode() {
                use_all(&times);
            }
        }

        #[test]
        fn a_quantile_is_within_a_thousandth(mut ms in proptest::collection::vec(1_u64..500_000, 1..60), quantile in 0.0..=1.0) {
            let quantile: f64 = quantile;
            let measured = times(&ms).quantile(quantile).unwrap().as_secs_f64() * 1e3;
            ms.sort_unstable();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank within the sample")]
            let rank = ((quantile * ms.len() as f64).ceil() as usize).clamp(1, ms.len());
            let exact = ms[rank - 1] as f64;
            prop_assert!((measured - exact).abs() <= exact * 0.001, "{measured} is not {exact}");
        }
    }
}
