//! A figure's sheet as PDF: the paths and glyphs of its parsed SVG, as they are.
//!
//! A sheet holds paths with plain fills and strokes, and text in two fonts, and nothing else. For those few things
//! the crates that turn any SVG into PDF would be a quarter of the program.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use flate2::{Compression, write::ZlibEncoder};
use pdf_writer::types::{CidFontType, FontFlags, LineCapStyle, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use resvg::tiny_skia::{PathSegment, Transform};
use resvg::usvg::{self, fontdb};

const IDENTITY: SystemInfo =
    SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// The sheet as a PDF of one page of its size, with its text as text.
///
/// # Errors
/// When the sheet holds what no figure draws, such as an image.
pub fn write(tree: &usvg::Tree, title: &str) -> Result<Vec<u8>> {
    let mut page = Page::new(tree.fontdb().clone());
    let height = tree.size().height();
    // PDF counts from the bottom.
    page.content.transform([1.0, 0.0, 0.0, -1.0, 0.0, height]);
    page.group(tree.root())?;
    page.finish(tree, title)
}

/// A page in the making.
struct Page {
    content: Content,
    database: Arc<fontdb::Database>,
    fonts: BTreeMap<fontdb::ID, Used>,
    /// Opacities, in thousandths.
    opacities: BTreeSet<u16>,
}

/// What is used of a font.
struct Used {
    units_per_em: f32,
    /// Its glyphs, with what they stand for.
    glyphs: BTreeMap<u16, String>,
}

impl Page {
    fn new(database: Arc<fontdb::Database>) -> Self {
        Self { content: Content::new(), database, fonts: BTreeMap::new(), opacities: BTreeSet::new() }
    }

    fn font(&mut self, font: fontdb::ID) -> Result<&mut Used> {
        match self.fonts.entry(font) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let em =
                    |bytes: &[u8], index| Some(ttf_parser::Face::parse(bytes, index).ok()?.units_per_em());
                let em = self
                    .database
                    .with_face_data(font, em)
                    .flatten()
                    .context("a figure's font cannot be read")?;
                Ok(place.insert(Used { units_per_em: f32::from(em), glyphs: BTreeMap::new() }))
            }
        }
    }

    fn group(&mut self, group: &usvg::Group) -> Result<()> {
        for node in group.children() {
            match node {
                usvg::Node::Group(group) => self.group(group)?,
                usvg::Node::Path(path) => self.path(path)?,
                usvg::Node::Text(text) => self.text(text)?,
                usvg::Node::Image(_) => bail!("a figure holds an image, which its PDF cannot"),
            }
        }
        Ok(())
    }

    fn path(&mut self, path: &usvg::Path) -> Result<()> {
        let fill = path.fill().filter(|fill| fill.opacity().get() > 0.0);
        if !path.is_visible() || (fill.is_none() && path.stroke().is_none()) {
            return Ok(());
        }
        self.content.save_state();
        self.content.transform(matrix(path.abs_transform()));
        if let Some(fill) = fill {
            let [red, green, blue] = rgb(fill.paint())?;
            self.content.set_fill_rgb(red, green, blue);
            self.opacity(fill.opacity().get());
        }
        if let Some(stroke) = path.stroke() {
            let [red, green, blue] = rgb(stroke.paint())?;
            self.content.set_stroke_rgb(red, green, blue);
            self.content.set_line_width(stroke.width().get());
            self.content.set_line_cap(LineCapStyle::ButtCap);
        }
        self.outline(path.data());
        match (fill, path.stroke()) {
            (Some(_), Some(_)) => self.content.fill_nonzero_and_stroke(),
            (Some(_), None) => self.content.fill_nonzero(),
            (None, _) => self.content.stroke(),
        };
        self.content.restore_state();
        Ok(())
    }

    fn opacity(&mut self, opacity: f32) {
        let thousandths = (opacity * 1000.0).round() as u16;
        if thousandths < 1000 {
            self.opacities.insert(thousandths);
            self.content.set_parameters(Name(state_name(thousandths).as_bytes()));
        }
    }

    fn outline(&mut self, path: &resvg::tiny_skia::Path) {
        let mut last = resvg::tiny_skia::Point::zero();
        for segment in path.segments() {
            match segment {
                PathSegment::MoveTo(to) => {
                    self.content.move_to(to.x, to.y);
                    last = to;
                }
                PathSegment::LineTo(to) => {
                    self.content.line_to(to.x, to.y);
                    last = to;
                }
                // PDF has no quadratic curves; a cubic one can be the same.
                PathSegment::QuadTo(by, to) => {
                    let third = |from: f32, by: f32| from + (by - from) * 2.0 / 3.0;
                    let (x1, y1) = (third(last.x, by.x), third(last.y, by.y));
                    let (x2, y2) = (third(to.x, by.x), third(to.y, by.y));
                    self.content.cubic_to(x1, y1, x2, y2, to.x, to.y);
                    last = to;
                }
                PathSegment::CubicTo(one, two, to) => {
                    self.content.cubic_to(one.x, one.y, two.x, two.y, to.x, to.y);
                    last = to;
                }
                PathSegment::Close => {
                    self.content.close_path();
                }
            }
        }
    }

    fn text(&mut self, text: &usvg::Text) -> Result<()> {
        for span in text.layouted().iter().filter(|span| span.visible) {
            let Some(fill) = &span.fill else { continue };
            let [red, green, blue] = rgb(fill.paint())?;
            self.content.begin_text().set_fill_rgb(red, green, blue);
            for glyph in &span.positioned_glyphs {
                let used = self.font(glyph.font)?;
                used.glyphs.entry(glyph.id.0).or_insert_with(|| glyph.text.clone());
                // A font of as many units as its em: the outline's transform starts from font units.
                let size = used.units_per_em;
                self.content.set_font(Name(font_name(glyph.font).as_bytes()), size);
                self.content
                    .set_text_matrix(matrix(text.abs_transform().pre_concat(glyph.outline_transform())));
                self.content.show(Str(&glyph.id.0.to_be_bytes()));
            }
            self.content.end_text();
        }
        Ok(())
    }

    fn finish(self, tree: &usvg::Tree, title: &str) -> Result<Vec<u8>> {
        let mut next = 0;
        let mut new = || {
            next += 1;
            Ref::new(next)
        };
        let [catalog, pages, page, content, info] = std::array::from_fn(|_| new());
        let fonts: Vec<(fontdb::ID, [Ref; 5])> =
            self.fonts.keys().map(|&font| (font, std::array::from_fn(|_| new()))).collect();
        let states: Vec<(u16, Ref)> = self.opacities.iter().map(|&opacity| (opacity, new())).collect();

        let mut pdf = Pdf::new();
        pdf.catalog(catalog).pages(pages);
        pdf.pages(pages).kids([page]).count(1);
        pdf.document_info(info).title(TextStr(title)).producer(TextStr("copycost"));
        let mut sheet = pdf.page(page);
        sheet.parent(pages).media_box(Rect::new(0.0, 0.0, tree.size().width(), tree.size().height()));
        sheet.contents(content);
        let mut resources = sheet.resources();
        let mut named = resources.fonts();
        for (font, [type0, ..]) in &fonts {
            named.pair(Name(font_name(*font).as_bytes()), type0);
        }
        named.finish();
        let mut named = resources.ext_g_states();
        for (opacity, state) in &states {
            named.pair(Name(state_name(*opacity).as_bytes()), state);
        }
        named.finish();
        resources.finish();
        sheet.finish();
        for (opacity, state) in states {
            pdf.ext_graphics(state).non_stroking_alpha(f32::from(opacity) / 1000.0);
        }
        pdf.stream(content, &deflated(&self.content.finish())).filter(Filter::FlateDecode);
        for (font, refs) in fonts {
            self.database
                .with_face_data(font, |bytes, _| embed(&mut pdf, refs, bytes, &self.fonts[&font].glyphs))
                .context("a figure's font is not in its database")??;
        }
        Ok(pdf.finish())
    }
}

/// A font as it is, with the widths of all its glyphs and the meaning of those that are used.
fn embed(
    pdf: &mut Pdf,
    [type0, cid, descriptor, file, meaning]: [Ref; 5],
    bytes: &[u8],
    glyphs: &BTreeMap<u16, String>,
) -> Result<()> {
    let face = ttf_parser::Face::parse(bytes, 0).context("a figure's font cannot be read")?;
    let names = face.names().into_iter();
    let name = names.filter(|name| name.name_id == ttf_parser::name_id::POST_SCRIPT_NAME);
    let name = name.filter_map(|name| name.to_string()).next().unwrap_or_else(|| "Font".to_owned());
    let name = Name(name.as_bytes());
    let thousandth = |units: i16| f32::from(units) * 1000.0 / f32::from(face.units_per_em());

    pdf.type0_font(type0)
        .base_font(name)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(cid)
        .to_unicode(meaning);
    let mut font = pdf.cid_font(cid);
    font.subtype(CidFontType::Type2).base_font(name).system_info(IDENTITY).font_descriptor(descriptor);
    let advance = |glyph| face.glyph_hor_advance(ttf_parser::GlyphId(glyph)).unwrap_or_default();
    let widths = (0..face.number_of_glyphs()).map(|glyph| thousandth(advance(glyph) as i16));
    font.widths().consecutive(0, widths);
    font.cid_to_gid_map_predefined(Name(b"Identity"));
    font.finish();
    let bounds = face.global_bounding_box();
    pdf.font_descriptor(descriptor)
        .name(name)
        .flags(FontFlags::NON_SYMBOLIC)
        .bbox(Rect::new(
            thousandth(bounds.x_min),
            thousandth(bounds.y_min),
            thousandth(bounds.x_max),
            thousandth(bounds.y_max),
        ))
        .italic_angle(0.0)
        .ascent(thousandth(face.ascender()))
        .descent(thousandth(face.descender()))
        .cap_height(thousandth(face.capital_height().unwrap_or_else(|| face.ascender())))
        // No font says how thick its stems are; readers use this only where they have to replace the font.
        .stem_v(80.0)
        .font_file2(file);
    pdf.stream(file, &deflated(bytes)).filter(Filter::FlateDecode).pair(Name(b"Length1"), bytes.len() as i32);
    let mut map = UnicodeCmap::new(Name(b"Custom"), IDENTITY);
    for (glyph, text) in glyphs.iter().filter(|(_, text)| !text.is_empty()) {
        map.pair_with_multiple(*glyph, text.chars());
    }
    pdf.cmap(meaning, &map.finish());
    Ok(())
}

fn rgb(paint: &usvg::Paint) -> Result<[f32; 3]> {
    match paint {
        usvg::Paint::Color(colour) => {
            Ok([colour.red, colour.green, colour.blue].map(|part| f32::from(part) / 255.0))
        }
        _ => bail!("a figure holds a gradient or a pattern, which its PDF cannot"),
    }
}

fn matrix(transform: Transform) -> [f32; 6] {
    [transform.sx, transform.ky, transform.kx, transform.sy, transform.tx, transform.ty]
}

fn font_name(font: fontdb::ID) -> String {
    format!("F{font}")
}

fn state_name(thousandths: u16) -> String {
    format!("G{thousandths}")
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("a Vec takes every byte")
}
