//! Canvas of all pictures: paper, frames, lines, texts and the key below.
//!
//! Lengths are in pixels. The drawing library counts in whole units, [`UNITS`] a pixel.
//! Every colour is a constant in [`color`], so that a page can replace each of them in dark mode.

use std::fmt::Write;

use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;

/// Result of drawing into a string.
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Drawing units in a pixel.
const UNITS: f64 = 10.0;
/// Font size of all texts except titles.
const TEXT: f64 = 14.0;
/// Height of a line of text.
pub(super) const LINE: f64 = 19.0;
/// Distance between the picture and its edge.
pub(super) const MARGIN: f64 = 10.0;

/// Colours of the pictures on white paper. `assets/report.css` has another value for each in dark mode.
pub(super) mod color {
    use plotters::style::RGBColor;

    pub(in super::super) const PAPER: RGBColor = RGBColor(255, 255, 255);
    pub(in super::super) const INK: RGBColor = RGBColor(27, 31, 36);
    pub(in super::super) const QUIET: RGBColor = RGBColor(87, 96, 106);
    pub(in super::super) const GRID: RGBColor = RGBColor(216, 222, 228);
    pub(in super::super) const BAND: RGBColor = RGBColor(234, 238, 242);
    pub(in super::super) const LIMIT: RGBColor = RGBColor(64, 72, 80);
    pub(in super::super) const GOOD: RGBColor = RGBColor(10, 107, 61);
    pub(in super::super) const BAD: RGBColor = RGBColor(179, 38, 30);

    /// Colours of the contenders. After the last, the first comes again.
    pub(in super::super) const SERIES: [RGBColor; 8] = [
        RGBColor(11, 92, 173),
        RGBColor(179, 71, 0),
        RGBColor(0, 115, 77),
        RGBColor(138, 43, 143),
        RGBColor(122, 92, 0),
        RGBColor(94, 103, 115),
        RGBColor(0, 110, 128),
        RGBColor(168, 32, 92),
    ];
}

/// Dashes of the line of each series, for readers who do not tell the colours apart.
const DASHES: [&str; 8] = [
    "none",
    "70 30",
    "20 28",
    "90 28 20 28",
    "45 20",
    "140 35",
    "90 25 20 25 20 25",
    "30 60",
];

/// A picture during drawing.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    width: f64,
}

/// One frame of a picture with its two scales.
pub(super) struct Panel<'a> {
    area: DrawingArea<SVGBackend<'a>, Cartesian2d<Axis, Axis>>,
    x: Axis,
    y: Axis,
}

/// Place of a frame, in pixels from the left and the top.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Marker of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Speck,
    Dot,
    Ring,
    Square,
}

/// SVG of a picture of this size in pixels, with `title` above it. Screen readers read title and description.
pub(super) fn drawn(
    (width, height): (f64, f64),
    (title, description): (&str, &str),
    draw: impl FnOnce(&Canvas<'_>) -> Drawn,
) -> String {
    let mut body = String::new();
    {
        let size = (units(width).unsigned_abs(), units(height).unsigned_abs());
        let area = SVGBackend::with_string(&mut body, size).into_drawing_area();
        let canvas = Canvas { area, width };
        let all = || {
            canvas.rectangle((0.0, 0.0), (width, height), color::PAPER)?;
            canvas.styled_text(title, (MARGIN, 7.0), &title_style())?;
            draw(&canvas)?;
            canvas.area.present()
        };
        all().expect("writing to a string cannot fail");
    }
    let (_, inside) = body
        .split_once('\n')
        .expect("the first line is that of the svg element");
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="picture" role="img" width="{width}" height="{height}" viewBox="0 0 {} {}"><title>{}</title><desc>{}</desc><style>"#,
        units(width),
        units(height),
        escaped(title),
        escaped(description),
    );
    // Texts overlap lines and shaded areas. An outline in the colour of the paper keeps them readable.
    svg += ".picture text{paint-order:stroke;stroke:#FFFFFF;stroke-width:36;stroke-linejoin:round}";
    let limit = (&color::LIMIT, "40 30");
    for (line, dash) in color::SERIES.iter().zip(DASHES).skip(1).chain([limit]) {
        write!(
            svg,
            r##".picture polyline[stroke="#{:02X}{:02X}{:02X}"]{{stroke-dasharray:{dash}}}"##,
            line.0, line.1, line.2
        )
        .expect("writing to a string cannot fail");
    }
    // The library ends every tag with a line break, and writes an opacity of 1 where none is needed.
    let inside = inside
        .replace(" opacity=\"1\"", "")
        .replace(">\n", ">")
        .replace("\n</text>", "</text>")
        .replace(" \"/>", "\"/>");
    svg + "</style>" + &inside
}

impl<'a> Canvas<'a> {
    /// A text that begins at `at`, the middle of its line.
    pub(super) fn text(&self, text: &str, at: (f64, f64), color: RGBColor) -> Drawn {
        self.aligned_text(text, at, color, HPos::Left)
    }

    /// A text that ends at `at`.
    pub(super) fn text_to(&self, text: &str, at: (f64, f64), color: RGBColor) -> Drawn {
        self.aligned_text(text, at, color, HPos::Right)
    }

    /// A text centred on `at`.
    pub(super) fn text_around(&self, text: &str, at: (f64, f64), color: RGBColor) -> Drawn {
        self.aligned_text(text, at, color, HPos::Center)
    }

    fn aligned_text(&self, text: &str, at: (f64, f64), color: RGBColor, alignment: HPos) -> Drawn {
        let style = text_style(color).pos(Pos::new(alignment, VPos::Center));
        self.styled_text(text, at, &style)
    }

    fn styled_text(&self, text: &str, at: (f64, f64), style: &TextStyle<'_>) -> Drawn {
        self.area
            .draw(&Text::new(printable(text), place(at), style.clone()))
    }

    pub(super) fn rectangle(&self, from: (f64, f64), to: (f64, f64), color: RGBColor) -> Drawn {
        self.area
            .draw(&Rectangle::new([place(from), place(to)], color.filled()))
    }

    pub(super) fn line(
        &self,
        from: (f64, f64),
        to: (f64, f64),
        color: RGBColor,
        width: f64,
    ) -> Drawn {
        let style = color.stroke_width(units(width).unsigned_abs());
        self.area
            .draw(&PathElement::new(vec![place(from), place(to)], style))
    }

    /// A broken line, for a limit.
    pub(super) fn broken_line(&self, from: (f64, f64), to: (f64, f64)) -> Drawn {
        self.line(from, to, color::LIMIT, 1.6)
    }

    pub(super) fn marker(&self, marker: Marker, at: (f64, f64), color: RGBColor) -> Drawn {
        let (x, y) = at;
        match marker {
            Marker::Speck => self
                .area
                .draw(&Circle::new(place(at), units(2.2), color.filled())),
            Marker::Dot => self
                .area
                .draw(&Circle::new(place(at), units(4.0), color.filled())),
            Marker::Ring => {
                self.area
                    .draw(&Circle::new(place(at), units(5.0), color::PAPER.filled()))?;
                let style = color.stroke_width(units(2.0).unsigned_abs());
                self.area.draw(&Circle::new(place(at), units(5.0), style))
            }
            Marker::Square => self.rectangle((x - 4.0, y - 4.0), (x + 4.0, y + 4.0), color),
        }
    }

    /// A frame with `name` above it, its scales and their grid.
    pub(super) fn panel(
        &self,
        frame: Frame,
        name: &str,
        (x, y): (Axis, Axis),
    ) -> Result<Panel<'a>, DrawingAreaErrorKind<std::io::Error>> {
        let (right, bottom) = (frame.left + frame.width, frame.top + frame.height);
        if !name.is_empty() {
            self.text(name, (MARGIN, frame.top - 13.0), color::QUIET)?;
        }
        for (value, label) in x.ticks() {
            let at = frame.left + frame.width * x.share(*value);
            self.line((at, frame.top), (at, bottom), color::GRID, 1.0)?;
            self.text_around(label, (at, bottom + 12.0), color::QUIET)?;
        }
        for (value, label) in y.ticks() {
            let at = bottom - frame.height * y.share(*value);
            self.line((frame.left, at), (right, at), color::GRID, 1.0)?;
            self.text_to(label, (frame.left - 6.0, at), color::QUIET)?;
        }
        let (horizontal, vertical) = (
            units(frame.left)..units(right),
            units(bottom)..units(frame.top),
        );
        let scales = Cartesian2d::new(x.clone(), y.clone(), (horizontal, vertical));
        Ok(Panel {
            area: self.area.apply_coord_spec(scales),
            x,
            y,
        })
    }

    /// The key: line and name of each series, in as many rows as needed.
    pub(super) fn key(&self, names: &[(usize, &str)], top: f64) -> Drawn {
        for ((series, name), (left, row)) in names.iter().zip(key_places(names, self.width)) {
            let at = top + LINE * (row as f64 + 0.5);
            let color = series_color(*series);
            self.line((left, at), (left + SAMPLE, at), color, 2.5)?;
            self.text(name, (left + SAMPLE + 6.0, at), color::INK)?;
        }
        Ok(())
    }
}

impl Panel<'_> {
    /// A line through these points, in the colour and dashes of its series.
    pub(super) fn series(&self, points: &[(f64, f64)], series: usize) -> Drawn {
        self.path(points, series_color(series), 2.2)
    }

    /// A line through these points.
    pub(super) fn path(&self, points: &[(f64, f64)], color: RGBColor, width: f64) -> Drawn {
        let style = color.stroke_width(units(width).unsigned_abs());
        let points: Vec<(f64, f64)> = points.iter().map(|point| self.within(*point)).collect();
        if points.len() < 2 {
            return Ok(());
        }
        self.area.draw(&PathElement::new(points, style))
    }

    /// A broken line, for a limit.
    pub(super) fn broken_path(&self, points: &[(f64, f64)]) -> Drawn {
        self.path(points, color::LIMIT, 1.6)
    }

    /// The area between two lines. Each point has a place and the heights of the lower and the upper line.
    pub(super) fn band(&self, points: &[(f64, f64, f64)], color: RGBColor, opacity: f64) -> Drawn {
        let low = points.iter().map(|(x, low, _)| self.within((*x, *low)));
        let high = points
            .iter()
            .rev()
            .map(|(x, _, high)| self.within((*x, *high)));
        let outline: Vec<(f64, f64)> = low.chain(high).collect();
        if points.len() < 2 {
            return Ok(());
        }
        let style = color.mix(opacity).filled();
        self.area.draw(&Polygon::new(outline, style))
    }

    /// A box from one corner to the other.
    pub(super) fn rectangle(&self, from: (f64, f64), to: (f64, f64), color: RGBColor) -> Drawn {
        let corners = [self.within(from), self.within(to)];
        self.area.draw(&Rectangle::new(corners, color.filled()))
    }

    /// Place of a point in the picture, in pixels.
    pub(super) fn place(&self, point: (f64, f64)) -> (f64, f64) {
        let (x, y) = self.area.map_coordinate(&self.within(point));
        (f64::from(x) / UNITS, f64::from(y) / UNITS)
    }

    fn within(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x.within(x), self.y.within(y))
    }
}

/// Length of the line before a name in the key.
const SAMPLE: f64 = 40.0;

/// Height of the key of these names.
pub(super) fn key_height(names: &[(usize, &str)], width: f64) -> f64 {
    let rows = key_places(names, width)
        .last()
        .map_or(0, |(_, row)| row + 1);
    LINE * rows as f64
}

/// Left end and row of each name in the key.
fn key_places(names: &[(usize, &str)], width: f64) -> Vec<(f64, usize)> {
    let (mut left, mut row) = (MARGIN, 0);
    let places = names.iter().map(|(_, name)| {
        let needed = SAMPLE + 6.0 + text_width(name);
        if left > MARGIN && left + needed > width - MARGIN {
            (left, row) = (MARGIN, row + 1);
        }
        let place = (left, row);
        left += needed + 18.0;
        place
    });
    places.collect()
}

/// Approximate largest width of a text. The font is not known, so none is measured.
pub(super) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * TEXT * 0.6
}

/// The text, cut off with an ellipsis if it is wider than `width`.
pub(super) fn shortened(text: &str, width: f64) -> String {
    if text_width(text) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        if text_width(&short) + 2.0 * TEXT * 0.6 > width {
            break;
        }
        short.push(c);
    }
    short + "…"
}

/// Colour of a series. After the last, the first comes again.
pub(super) fn series_color(series: usize) -> RGBColor {
    color::SERIES[series % color::SERIES.len()]
}

/// Factor by which the library makes texts smaller.
const FONT_SCALE: f64 = 1.24;

fn text_style(color: RGBColor) -> TextStyle<'static> {
    let size = TEXT * UNITS * FONT_SCALE;
    TextStyle {
        color: color.to_backend_color(),
        ..TextStyle::from(("sans-serif", size).into_font())
    }
}

fn title_style() -> TextStyle<'static> {
    let size = 15.0 * UNITS * FONT_SCALE;
    TextStyle::from(("sans-serif", size, FontStyle::Bold).into_font())
        .color(&color::INK)
        .pos(Pos::new(HPos::Left, VPos::Top))
}

fn place((x, y): (f64, f64)) -> (i32, i32) {
    (units(x), units(y))
}

fn units(pixels: f64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, which is outside the picture"
    )]
    let units = (pixels * UNITS).round() as i32;
    units
}

/// The text without characters that XML cannot hold. Names come from files.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if c.is_control() => ' ',
            '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            c => c,
        })
        .collect()
}

fn escaped(text: &str) -> String {
    let text = printable(text);
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
