//! Steady state of a run.

/// Values that are averaged before the truncation point is looked for, as MSER-5 has it.
const BATCH: usize = 5;

/// Windows that have to agree, and how far apart their means may be, as in NVIDIA's `perf_analyzer`.
const WINDOWS: usize = 3;
const MOST_APART: f64 = 1.10;

/// Warm-up of a series of figures, one a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steadiness {
    /// Steady from this value on.
    From(usize),
    /// Series never settled.
    Never,
    /// Too few values to tell.
    TooShort,
}

/// End of the initial transient of `series`.
///
/// MSER-5 (White, Cobb and Spratt, "A Comparison of Five Steady-State Truncation Heuristics for Simulation", WSC 2000):
/// leaves out as many batches of five at the beginning as make the standard error of the mean of the rest smallest.
/// If that is more than half of them, or if the rest still differs by more than 10 % between its three thirds,
/// there is no steady state.
pub fn steady_from(series: &[f64]) -> Steadiness {
    let batches: Vec<f64> = series
        .chunks_exact(BATCH)
        .map(|batch| batch.iter().sum::<f64>() / BATCH as f64)
        .collect();
    if batches.len() < 2 * WINDOWS {
        return Steadiness::TooShort;
    }
    let error = |cut: usize| {
        let rest = &batches[cut..];
        let n = rest.len() as f64;
        let mean = rest.iter().sum::<f64>() / n;
        rest.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n.powi(2)
    };
    let cuts = 0..=batches.len() - WINDOWS;
    let cut = cuts
        .min_by(|&a, &b| error(a).total_cmp(&error(b)))
        .unwrap_or(0);
    if cut > batches.len() / 2 || !windows_agree(&batches[cut..]) {
        return Steadiness::Never;
    }
    Steadiness::From(cut * BATCH)
}

/// `true` if a growing series of requests per second has settled: its last three values are at most 10 % apart, or as
/// close as counts of such a size come by chance alone (their standard deviation, the root of the mean).
///
/// The start of the measured period depends on it; [`steady_from`] looks at a finished measurement.
pub fn has_settled(series: &[f64]) -> bool {
    let Some(last) = series
        .len()
        .checked_sub(WINDOWS)
        .map(|from| &series[from..])
    else {
        return false;
    };
    let low = last.iter().copied().fold(f64::INFINITY, f64::min);
    let high = last.iter().copied().fold(0.0, f64::max);
    let by_chance = (last.iter().sum::<f64>() / WINDOWS as f64).sqrt();
    low > 0.0 && (high <= low * MOST_APART || high - low <= by_chance)
}

fn windows_agree(batches: &[f64]) -> bool {
    let length = batches.len() / WINDOWS;
    let means = batches
        .rchunks_exact(length)
        .take(WINDOWS)
        .map(|window| window.iter().sum::<f64>() / length as f64);
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for mean in means {
        (low, high) = (low.min(mean), high.max(mean));
    }
    high <= low * MOST_APART
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn noise(index: usize) -> f64 {
        // Some fixed values around zero.
        [0.3, -0.2, 0.5, -0.6, 0.1, -0.1, 0.4, -0.4][index * 5 % 8]
    }

    #[test]
    fn a_steady_series_is_steady_from_the_start() {
        let series: Vec<f64> = (0..60).map(|index| 100.0 + noise(index)).collect();
        assert_eq!(steady_from(&series), Steadiness::From(0));
    }

    #[test]
    fn a_transient_is_left_out() {
        let value = |index: usize| {
            let warming = if index < 12 {
                60.0 - 5.0 * index as f64
            } else {
                0.0
            };
            100.0 - warming + noise(index)
        };
        let series: Vec<f64> = (0..60).map(value).collect();
        let Steadiness::From(cut) = steady_from(&series) else {
            panic!("it settles")
        };
        assert!((10..=15).contains(&cut), "{cut}");
    }

    #[test]
    fn what_goes_on_changing_never_settles() {
        let rising: Vec<f64> = (0..60)
            .map(|index| 100.0 + 5.0 * f64::from(index))
            .collect();
        assert_eq!(steady_from(&rising), Steadiness::Never);
        let jump: Vec<f64> = (0..60)
            .map(|index| if index < 50 { 100.0 } else { 200.0 })
            .collect();
        assert_eq!(steady_from(&jump), Steadiness::Never);
    }

    #[test]
    fn few_values_tell_nothing() {
        assert_eq!(steady_from(&[1.0; 29]), Steadiness::TooShort);
        assert_eq!(steady_from(&[]), Steadiness::TooShort);
    }

    proptest! {
        #[test]
        fn a_cut_leaves_half_at_least(series in prop::collection::vec(0.0_f64..1e6, 0..200)) {
            if let Steadiness::From(cut) = steady_from(&series) {
                prop_assert!(cut * 2 <= series.len());
            }
        }
    }
}
