//! Charts as PNG. The font is embedded, so that the files are the same on every machine.

use std::sync::Arc;

use anyhow::Context;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// Pixels of the PNG per pixel of the chart, for dense screens and paper.
const SCALE: f32 = 2.0;

/// Renderer of SVG to PNG.
pub(super) struct Painter {
    options: Options<'static>,
}

impl Painter {
    /// Loads the embedded font. Its licence, that of Bitstream Vera, permits embedding.
    pub(super) fn new() -> Self {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(dejavu::sans::regular().to_vec());
        fonts.set_sans_serif_family("DejaVu Sans");
        Self {
            options: Options {
                font_family: "DejaVu Sans".to_owned(),
                fontdb: Arc::new(fonts),
                ..Options::default()
            },
        }
    }

    /// Draws an SVG as a PNG.
    pub(super) fn paint(&self, svg: &str) -> anyhow::Result<Vec<u8>> {
        let tree = Tree::from_str(svg, &self.options)?;
        let size = tree.size().to_int_size().scale_by(SCALE);
        let size = size.context("it has no size")?;
        let mut pixels = Pixmap::new(size.width(), size.height()).context("it is too large")?;
        let transform = Transform::from_scale(SCALE, SCALE);
        resvg::render(&tree, transform, &mut pixels.as_mut());
        Ok(pixels.encode_png()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_drawn_with_its_text_at_twice_its_size() {
        let svg = |text| {
            format!(
                r##"<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30" viewBox="0 0 400 300"><text x="50" y="200" font-family="sans-serif" font-size="140" fill="#1B1F24">{text}</text></svg>"##
            )
        };
        let painter = Painter::new();
        let drawn = painter.paint(&svg("x")).unwrap();
        let pixels = Pixmap::decode_png(&drawn).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (80, 60));
        assert!(pixels.pixels().iter().any(|pixel| pixel.alpha() > 200));
        assert_eq!(drawn, painter.paint(&svg("x")).unwrap());
        assert_ne!(drawn, painter.paint(&svg("y")).unwrap());
    }
}
