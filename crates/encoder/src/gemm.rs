//! Matrix products over words: f32 numbers, pairs of bf16, or quads of bytes.
//!
//! All three have the same shape. A row of the left matrix is a run of words along the depth. The right matrix lies in
//! panels of so many columns, each panel word after word along the depth, so that the kernel reads it straight through. One
//! step multiplies one word of some rows with one word of some columns, and adds to that many sums in registers.

use std::marker::PhantomData;

use crate::simd::Simd;

/// Dot product of one 32-bit word of a row with one word of each column of a vector.
///
/// # Safety
/// As for [`Simd`].
pub(crate) trait Dot: 'static {
    /// Rows of a tile of a linear layer, at most six.
    const TILE_ROWS: usize = 6;
    /// `true` if [`dot_twice`](Self::dot_twice) takes fewer instructions than two calls of [`dot`](Self::dot).
    const JOINS_STEPS: bool = false;
    /// The instruction set.
    type Simd: Simd;
    /// Sums, one for each lane.
    type Sum: Copy;
    /// One word of the row, repeated in all lanes.
    type Left: Copy;

    unsafe fn zero() -> Self::Sum;
    unsafe fn left(word: u32) -> Self::Left;
    unsafe fn dot(sum: Self::Sum, left: Self::Left, right: <Self::Simd as Simd>::Ints)
    -> Self::Sum;
    /// Two steps of [`dot`](Self::dot).
    #[inline(always)]
    unsafe fn dot_twice(
        sum: Self::Sum,
        left: [Self::Left; 2],
        right: [<Self::Simd as Simd>::Ints; 2],
    ) -> Self::Sum {
        // SAFETY: guaranteed by the caller.
        unsafe { Self::dot(Self::dot(sum, left[0], right[0]), left[1], right[1]) }
    }
    /// Sums as floats, by the scale and zero of the row and the scales and biases of the columns.
    unsafe fn finish(
        sum: Self::Sum,
        row: RowScale,
        columns: &Columns,
    ) -> <Self::Simd as Simd>::Floats;
}

/// Scale and zero of a quantised row. A byte stands for `scale * (byte - zero)`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct RowScale {
    pub(crate) scale: f32,
    pub(crate) zero: i32,
}

/// Bias, scale and sum of the columns of the right matrix, from some column on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    /// Added in the end.
    pub(crate) bias: *const f32,
    /// For bytes: value of one step.
    pub(crate) scale: *const f32,
    /// For bytes: their sum over the depth.
    pub(crate) sum: *const i32,
}

/// f32 numbers, one in a word.
#[derive(Debug)]
pub(crate) struct Single<S>(PhantomData<S>);

/// bf16 numbers, two in a word.
#[derive(Debug)]
pub(crate) struct Pairs<S>(PhantomData<S>);

/// Unsigned bytes with a zero on the left, signed ones on the right, four in a word.
#[derive(Debug)]
pub(crate) struct Quads<S>(PhantomData<S>);

impl<S: Simd> Dot for Single<S> {
    type Simd = S;
    type Sum = S::Floats;
    type Left = S::Floats;

    #[inline(always)]
    unsafe fn zero() -> S::Floats {
        // SAFETY: guaranteed by the caller.
        unsafe { S::splat(0.0) }
    }

    #[inline(always)]
    unsafe fn left(word: u32) -> S::Floats {
        // SAFETY: guaranteed by the caller.
        unsafe { S::splat(f32::from_bits(word)) }
    }

    #[inline(always)]
    unsafe fn dot(sum: S::Floats, left: S::Floats, right: S::Ints) -> S::Floats {
        // SAFETY: guaranteed by the caller.
        unsafe { S::mul_add(left, S::as_floats(right), sum) }
    }

    #[inline(always)]
    unsafe fn finish(sum: S::Floats, _: RowScale, columns: &Columns) -> S::Floats {
        // SAFETY: guaranteed by the caller.
        unsafe { S::add(sum, S::load(columns.bias)) }
    }
}

impl<S: Simd> Dot for Pairs<S> {
    type Simd = S;
    type Sum = S::Floats;
    type Left = S::Ints;

    #[inline(always)]
    unsafe fn zero() -> S::Floats {
        // SAFETY: guaranteed by the caller.
        unsafe { S::splat(0.0) }
    }

    #[inline(always)]
    unsafe fn left(word: u32) -> S::Ints {
        // SAFETY: guaranteed by the caller.
        unsafe { S::int_splat(word.cast_signed()) }
    }

    #[inline(always)]
    unsafe fn dot(sum: S::Floats, left: S::Ints, right: S::Ints) -> S::Floats {
        // SAFETY: guaranteed by the caller.
        unsafe { S::dot_bf16(sum, left, right) }
    }

    #[inline(always)]
    unsafe fn finish(sum: S::Floats, _: RowScale, columns: &Columns) -> S::Floats {
        // SAFETY: guaranteed by the caller.
        unsafe { S::add(sum, S::load(columns.bias)) }
    }
}

impl<S: Simd> Dot for Quads<S> {
    const TILE_ROWS: usize = S::BYTE_TILE_ROWS;
    const JOINS_STEPS: bool = S::JOINS_STEPS;
    type Simd = S;
    type Sum = S::Ints;
    type Left = S::Quads;

    #[inline(always)]
    unsafe fn zero() -> S::Ints {
        // SAFETY: guaranteed by the caller.
        unsafe { S::int_splat(0) }
    }

    #[inline(always)]
    unsafe fn left(word: u32) -> S::Quads {
        // SAFETY: guaranteed by the caller.
        unsafe { S::quads(word) }
    }

    #[inline(always)]
    unsafe fn dot(sum: S::Ints, left: S::Quads, right: S::Ints) -> S::Ints {
        // SAFETY: guaranteed by the caller.
        unsafe { S::dot_bytes(sum, left, right) }
    }

    #[inline(always)]
    unsafe fn dot_twice(sum: S::Ints, left: [S::Quads; 2], right: [S::Ints; 2]) -> S::Ints {
        // SAFETY: guaranteed by the caller.
        unsafe { S::dot_bytes_twice(sum, left, right) }
    }

    #[inline(always)]
    unsafe fn finish(sum: S::Ints, row: RowScale, columns: &Columns) -> S::Floats {
        // SAFETY: guaranteed by the caller.
        unsafe {
            let zero = S::int_splat(row.zero - S::BYTES_ZERO);
            let zero = S::int_mul(S::int_load(columns.sum), zero);
            let steps = S::to_floats(S::int_sub(sum, zero));
            let scale = S::mul(S::load(columns.scale), S::splat(row.scale));
            S::mul_add(steps, scale, S::load(columns.bias))
        }
    }
}

/// The left side: rows of words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) words: *const u32,
    /// Words from one row to the next.
    pub(crate) stride: usize,
    pub(crate) count: usize,
    /// Scale of each row; read only for bytes.
    pub(crate) scales: *const RowScale,
}

/// The right side: one panel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Panel {
    pub(crate) words: *const u32,
    /// Words from one step to the next, which is the panel's columns.
    pub(crate) stride: usize,
    /// Words along the depth.
    pub(crate) steps: usize,
    pub(crate) columns: Columns,
}

/// Destination of a product: rows of f32.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    pub(crate) first: *mut f32,
    /// Numbers from one row to the next.
    pub(crate) stride: usize,
}

/// The sums of `R` rows with `C` vectors of columns.
///
/// # Safety
/// As for [`Simd`]; `R` rows of `steps` words, and `steps` times `C` vectors at the panel, can be read.
#[inline(always)]
pub(crate) unsafe fn tile<D: Dot, const R: usize, const C: usize>(
    steps: usize,
    (left, left_stride): (*const u32, usize),
    (right, right_stride): (*const u32, usize),
) -> [[D::Sum; C]; R] {
    // SAFETY: the loop stays within the rows and the panel that the caller guarantees.
    unsafe {
        let mut sums = [[D::zero(); C]; R];
        let (mut right, mut joined) = (right, 0);
        if D::JOINS_STEPS {
            joined = steps / 2 * 2;
            for step in (0..joined).step_by(2) {
                let next = right.add(right_stride);
                let columns = [columns::<D, C>(right), columns::<D, C>(next)];
                for (r, sums) in sums.iter_mut().enumerate() {
                    let row = left.add(r * left_stride + step);
                    let words = [D::left(*row), D::left(*row.add(1))];
                    for (c, sum) in sums.iter_mut().enumerate() {
                        *sum = D::dot_twice(*sum, words, [columns[0][c], columns[1][c]]);
                    }
                }
                right = next.add(right_stride);
            }
        }
        for step in joined..steps {
            let columns = columns::<D, C>(right);
            for (r, sums) in sums.iter_mut().enumerate() {
                let word = D::left(*left.add(r * left_stride + step));
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = D::dot(*sum, word, column);
                }
            }
            right = right.add(right_stride);
        }
        sums
    }
}

/// `C` vectors of columns.
///
/// # Safety
/// As for [`Simd`]; so many vectors can be read.
#[inline(always)]
unsafe fn columns<D: Dot, const C: usize>(from: *const u32) -> [<D::Simd as Simd>::Ints; C] {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let mut columns = [D::Simd::int_zero(); C];
        for (c, column) in columns.iter_mut().enumerate() {
            *column = D::Simd::int_load(from.add(c * D::Simd::LANES).cast());
        }
        columns
    }
}

/// The product of all rows with one panel of `C` vectors.
///
/// # Safety
/// As for [`Simd`]; the pointers are valid for what they are said to hold, and no other thread accesses the destination.
#[inline(always)]
pub(crate) unsafe fn product<D: Dot, const C: usize>(rows: &Rows, panel: &Panel, out: &Out) {
    let mut first = 0;
    while first < rows.count {
        let count = (rows.count - first).min(D::TILE_ROWS);
        // SAFETY: so many rows follow the first.
        unsafe {
            match count {
                1 => finished_tile::<D, 1, C>(rows, first, panel, out),
                2 => finished_tile::<D, 2, C>(rows, first, panel, out),
                3 => finished_tile::<D, 3, C>(rows, first, panel, out),
                4 => finished_tile::<D, 4, C>(rows, first, panel, out),
                5 => finished_tile::<D, 5, C>(rows, first, panel, out),
                _ => finished_tile::<D, 6, C>(rows, first, panel, out),
            }
        }
        first += count;
    }
}

/// # Safety
/// As for [`product`].
#[inline(always)]
unsafe fn finished_tile<D: Dot, const R: usize, const C: usize>(
    rows: &Rows,
    first: usize,
    panel: &Panel,
    out: &Out,
) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let left = (rows.words.add(first * rows.stride), rows.stride);
        let sums = tile::<D, R, C>(panel.steps, left, (panel.words, panel.stride));
        for (r, sums) in sums.into_iter().enumerate() {
            let row = *rows.scales.add(first + r);
            let to = out.first.add((first + r) * out.stride);
            for (c, sum) in sums.into_iter().enumerate() {
                let column = c * D::Simd::LANES;
                let columns = panel.columns.from(column);
                D::Simd::store(to.add(column), D::finish(sum, row, &columns));
            }
        }
    }
}

impl Columns {
    /// From `column` on.
    #[inline(always)]
    fn from(&self, column: usize) -> Self {
        Self {
            bias: self.bias.wrapping_add(column),
            scale: self.scale.wrapping_add(column),
            sum: self.sum.wrapping_add(column),
        }
    }
}
