"""Matrix products with a shift, ReLU6 and a residual, for inference on a CPU.

The matrices of MobileNetV2's 1x1 convolutions are flat: 16 to 960 rows and columns, thousands of pixels. A general matrix product
first copies them into another order, which takes as long as the arithmetic. This one reads them where they are.
"""

from typing import Any, Tuple

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

ROWS, COLUMNS = 4, 16  # of a tile: its sums are 8 of the 16 vector registers of AVX2
# Of a kernel: copied into it. As a function of its own it would be compiled in another way by the run that fills Numba's cache
# than by those that read it, and the first run would differ from the others in the last digits.
part = numba.njit(inline="always")


@intrinsic
def _tile(typing_context: Any, a: Any, i: Any, b: Any, j: Any, shift: Any, rectified: Any, out: Any) -> Tuple[Any, Any]:
    """out[i : i + ROWS, j : j + COLUMNS] = a[i : i + ROWS] @ b[:, j : j + COLUMNS] + shift[i : i + ROWS], all f32.

    Between 0 and 6 where rectified. Written in LLVM's own language, because Numba would keep the sums in memory.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, row, _, column, _, clip, _ = arguments
        a_, b_, shift_, out_ = (
            context.make_array(kind)(context, builder, arguments[n])
            for n, kind in ((0, a), (2, b), (4, shift), (6, out))
        )
        vector, lane = ir.VectorType(ir.FloatType(), COLUMNS), ir.IntType(32)
        anything = ir.Constant(vector, ir.Undefined)

        def place(matrix: Any, row: Any, column: Any) -> Any:
            length = cgutils.unpack_tuple(builder, matrix.shape)[1]
            return builder.gep(matrix.data, [builder.add(builder.mul(row, length), column)])

        def columns(matrix: Any, row: Any) -> Any:
            return builder.bitcast(place(matrix, row, column), vector.as_pointer())

        def everywhere(number: Any) -> Any:
            first = builder.insert_element(anything, number, lane(0))
            return builder.shuffle_vector(first, anything, ir.Constant(ir.VectorType(lane, COLUMNS), None))

        rows = [builder.add(row, ir.IntType(64)(m)) for m in range(ROWS)]
        sums = [cgutils.alloca_once(builder, vector) for _ in rows]
        for row, total in zip(rows, sums):
            builder.store(everywhere(builder.load(builder.gep(shift_.data, [row]))), total)
        with cgutils.for_range(builder, cgutils.unpack_tuple(builder, a_.shape)[1]) as loop:
            values = builder.load(columns(b_, loop.index), align=4)
            for row, total in zip(rows, sums):
                factors = everywhere(builder.load(place(a_, row, loop.index)))
                term = builder.fmul(factors, values, flags=("contract",))
                builder.store(builder.fadd(builder.load(total), term, flags=("contract",)), total)
        zero, six = (everywhere(ir.FloatType()(limit)) for limit in (0.0, 6.0))
        for row, total in zip(rows, sums):
            value = builder.load(total)
            clipped = builder.select(builder.fcmp_ordered("<", value, zero), zero, value)
            clipped = builder.select(builder.fcmp_ordered("<", clipped, six), clipped, six)
            builder.store(builder.select(clip, clipped, value), columns(out_, row), align=4)
        return context.get_dummy_value()

    return types.void(a, types.int64, b, types.int64, shift, types.boolean, out), generate


@part
def product(matrix, x, shift, rectified, out):
    """out f32 [M, P] = matrix f32 [M, K] @ x f32 [K, P] + shift f32 [M], between 0 and 6 where rectified.

    M must be a multiple of ROWS, P of COLUMNS.
    """
    for j in range(0, out.shape[1], COLUMNS):
        for i in range(0, len(matrix), ROWS):
            _tile(matrix, i, x, j, shift, rectified, out)
