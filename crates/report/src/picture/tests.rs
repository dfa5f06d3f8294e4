use super::*;
use bakeoff_record::fixture;

fn pictures(experiment: &Experiment) -> Vec<Picture> {
    of_experiment(experiment, &Analysis::of(experiment))
}

#[test]
fn a_whole_experiment_has_every_picture() {
    let pictures = pictures(&fixture::plausible_experiment());
    let names: Vec<_> = pictures.iter().map(|picture| picture.name).collect();
    assert_eq!(
        names,
        [
            "answer",
            "percentiles",
            "requests-over-time",
            "response-times-over-time",
            "knee",
            "equal-rates",
            "resources",
            "shift"
        ]
    );
}

#[test]
fn an_experiment_without_anything_has_none() {
    assert_eq!(pictures(&fixture::empty_experiment(&[], "a")), []);
}

#[test]
fn equal_experiments_give_equal_bytes() {
    let experiment = fixture::plausible_experiment();
    let first = pictures(&experiment);
    assert_eq!(first.len(), 8);
    assert_eq!(first, pictures(&experiment));
}

#[test]
fn a_picture_says_what_it_shows_and_has_its_figures_as_a_table() {
    let pictures = pictures(&fixture::plausible_experiment());
    assert_eq!(pictures.len(), 8);
    for picture in pictures {
        assert!(
            picture
                .svg
                .starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"")
        );
        assert!(picture.svg.ends_with("</svg>\n") || picture.svg.ends_with("</svg>"));
        assert!(picture.svg.contains("<title>") && picture.svg.contains("<desc>"));
        assert!(picture.svg.len() < 25_000, "{}", picture.svg.len());
        let columns = picture.table.header.len();
        assert!(!picture.table.rows.is_empty(), "{}", picture.name);
        assert!(picture.table.rows.iter().all(|row| row.len() == columns));
    }
}

#[test]
fn names_are_text_in_pictures() {
    let evil = "<script>&\"\u{7}";
    let experiment = fixture::experiment(&[(evil, &[20; 6]), ("old", &[10; 6])], "old");
    let pictures = pictures(&experiment);
    let is_named = |picture: &Picture| picture.svg.contains("&lt;script&gt;&amp;");
    assert!(pictures.iter().any(is_named));
    for picture in pictures {
        assert!(!picture.svg.contains("<script"), "{}", picture.name);
        assert!(!picture.svg.contains('\u{7}'), "{}", picture.name);
    }
}

#[test]
fn figures_at_the_edge_are_drawn() {
    let mut experiment = fixture::plausible_experiment();
    experiment.plan.same_ratio = f64::MAX;
    experiment.plan.slo = Some(bakeoff_record::Slo {
        quantile: 1.0,
        below: std::time::Duration::ZERO,
    });
    for run in &mut experiment.runs {
        run.measurement.timeline.truncate(1);
        if let bakeoff_record::RunLoad::Sweep { users } = &mut run.load {
            *users = 0;
        }
    }
    assert_eq!(pictures(&experiment).len(), 8);
}

#[test]
fn more_contenders_than_colours_are_drawn() {
    let names: Vec<String> = (0..12).map(|index| format!("contender {index}")).collect();
    let rates: Vec<(&str, &[u64])> = names
        .iter()
        .map(|name| (name.as_str(), &[20_u64; 6][..]))
        .collect();
    let experiment = fixture::experiment(&rates, "contender 3");
    let pictures = pictures(&experiment);
    let answer = &pictures[0].svg;
    assert!(names.iter().all(|name| answer.contains(name.as_str())));
}
