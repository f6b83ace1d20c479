"""The functions behind the transforms: one image in, one image or tensor out.

Images are Pillow images, tensors of shape (..., channels, height, width), or, for `to_tensor`, arrays. Pillow
is imported only when a Pillow image has to be made or changed.
"""

from __future__ import annotations

import enum
import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._dtype import dtype as DType
from ..._dtype import float32, float64, get_default_dtype, int32, int64
from ..._tensor import Tensor, wrap
from ...factory import as_tensor
from ...kernels.cpu import images_to_float

if TYPE_CHECKING:
    from PIL import Image


class InterpolationMode(enum.Enum):
    """How pixels between the given ones are found."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Pillow's numbers of these filters.
_PILLOW_FILTER = {
    InterpolationMode.NEAREST: 0,
    InterpolationMode.NEAREST_EXACT: 0,
    InterpolationMode.LANCZOS: 1,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
}


def is_pil_image(image: Any) -> bool:
    """Whether this is a Pillow image (without importing Pillow: if it is not imported, it cannot be one)."""
    import sys

    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(image, module.Image)


def _require_pil(image: Any, name: str) -> None:
    if is_pil_image(image):
        return
    if isinstance(image, Tensor):
        raise NotImplementedError(f"[{name}] of a tensor is not implemented: give a Pillow image")
    raise TypeError(f"[{name}] the image must be a Pillow image or a tensor: got {type(image).__name__}")


def _require_image(image: Any, name: str) -> None:
    if isinstance(image, Tensor):
        if image.dim() < 2:
            raise TypeError(
                f"[{name}] a tensor image needs at least 2 dimensions: got shape {tuple(image.shape)}"
            )
    elif not is_pil_image(image):
        raise TypeError(f"[{name}] the image must be a Pillow image or a tensor: got {type(image).__name__}")


def get_dimensions(image: Any) -> list[int]:
    """[channels, height, width] of an image."""
    _require_image(image, "get_dimensions")
    if isinstance(image, Tensor):
        return [image.shape[-3] if image.dim() > 2 else 1, image.shape[-2], image.shape[-1]]
    return [len(image.getbands()), image.height, image.width]


def get_image_size(image: Any) -> list[int]:
    """[width, height] of an image."""
    _, height, width = get_dimensions(image)
    return [width, height]


# ---- to and from tensors ---------------------------------------------------------------------------------


def _pil_array(image: Image.Image) -> np.ndarray:
    """A Pillow image as a new array of shape (height, width, channels)."""
    kinds: dict[str, Any] = {"I": np.int32, "I;16": np.uint16, "F": np.float32}
    array = np.array(image, kinds.get(image.mode, np.uint8), copy=True)
    if image.mode == "1":
        array = array * np.uint8(255)
    return array[:, :, None] if array.ndim == 2 else array


def pictures_to_float(pictures: np.ndarray, kind: DType) -> np.ndarray:
    """uint8 pictures divided by 255, in a new array of the floating dtype `kind`.

    A true division, element for element what `ToTensor` does (multiplying by 1/255 differs in the last bit,
    and a table of the 256 results is several times slower).
    """
    if pictures.ndim == 4 and pictures.shape[1] == 1 and kind is float32:
        converted = images_to_float(pictures[:, 0])
        if converted is not NotImplemented:
            return converted
    return np.divide(pictures, kind.numpy.type(255), dtype=kind.numpy, order="C")


def to_tensor(pic: Any) -> Tensor:
    """A Pillow image or an array (height, width[, channels]) as a tensor (channels, height, width).

    8-bit images become the default float dtype, divided by 255; others keep their dtype, and share memory
    with an array where that is possible. Raises TypeError for anything else (a tensor, too), ValueError for
    an array of another number of dimensions.

    >>> to_tensor(np.full((1, 2), 255, np.uint8))
    tensor([[[1., 1.]]])
    """
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"[to_tensor] an array must have 2 or 3 dimensions: got {pic.ndim}")
        array = pic[:, :, None] if pic.ndim == 2 else pic
    elif is_pil_image(pic):
        array = _pil_array(pic)
    else:
        raise TypeError(f"[to_tensor] the image must be a Pillow image or an array: got {type(pic).__name__}")
    channels_first, kind = array.transpose(2, 0, 1), get_default_dtype()
    if array.dtype != np.uint8:
        return wrap(np.ascontiguousarray(channels_first))
    if kind in (float32, float64):
        return wrap(pictures_to_float(channels_first, kind))
    return wrap(np.ascontiguousarray(channels_first)).to(dtype=kind).div(255)


def pil_to_tensor(pic: Any) -> Tensor:
    """A Pillow image as a tensor (channels, height, width) of the same type. TypeError for anything else."""
    if not is_pil_image(pic):
        raise TypeError(f"[pil_to_tensor] the image must be a Pillow image: got {type(pic).__name__}")
    return wrap(np.ascontiguousarray(_pil_array(pic).transpose(2, 0, 1)))


def to_pil_image(pic: Any, mode: str | None = None) -> Image.Image:
    """A tensor (channels, height, width) or an array (height, width, channels) as a Pillow image.

    Floating tensors (not arrays) are taken to lie in 0 to 1. `mode` is Pillow's colour space; by default it
    follows from the number of channels (1: L, 2: LA, 3: RGB, 4: RGBA) and the dtype. Raises TypeError or
    ValueError for what cannot be an image.
    """
    from PIL import Image

    if isinstance(pic, Tensor):
        if pic.dim() not in (2, 3):
            raise ValueError(f"[to_pil_image] the image must have 2 or 3 dimensions: got {pic.dim()}")
        array = pic.detach().numpy()
        array = array[:, :, None] if array.ndim == 2 else array.transpose(1, 2, 0)
        if array.dtype.kind == "f" and mode != "F":
            array = (array * 255).astype(np.uint8)
    elif isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"[to_pil_image] the image must have 2 or 3 dimensions: got {pic.ndim}")
        array = pic[:, :, None] if pic.ndim == 2 else pic
    else:
        raise TypeError(f"[to_pil_image] the image must be a tensor or an array: got {type(pic).__name__}")

    channels = array.shape[2]
    if channels > 4:
        raise ValueError(f"[to_pil_image] there must be at most 4 channels: got {channels}")
    if channels == 1:
        array = array[:, :, 0]
        natural = {"uint8": "L", "int16": "I;16", "uint16": "I;16", "int32": "I", "float32": "F"}.get(
            array.dtype.name
        )
        if natural is None:
            raise TypeError(f"[to_pil_image] dtype {array.dtype} with one channel is not supported")
        allowed = {natural}
    else:
        if array.dtype != np.uint8:
            raise TypeError(f"[to_pil_image] dtype {array.dtype} with {channels} channels is not supported")
        natural = {2: "LA", 3: "RGB", 4: "RGBA"}[channels]
        allowed = {2: {"LA"}, 3: {"RGB", "YCbCr", "HSV"}, 4: {"RGBA", "CMYK", "RGBX"}}[channels]
    if mode is not None and mode not in allowed:
        raise ValueError(f"[to_pil_image] mode must be one of {sorted(allowed)} for this image: got {mode}")
    array = np.ascontiguousarray(array)
    if natural == "I;16":
        array = array.astype("<u2")
    image = Image.fromarray(array)
    if mode not in (None, image.mode):
        # the same bytes under another name: no conversion of colours is asked for
        image = Image.frombytes(mode, (array.shape[1], array.shape[0]), array.tobytes())
    return image


def convert_image_dtype(image: Tensor, dtype: DType = float32) -> Tensor:
    """Change an image's dtype and scale its values to the new range (floats: 0 to 1; integers: 0 to the
    largest).

    Raises TypeError for anything but a tensor, RuntimeError for float32 to int32 or int64 and float64 to
    int64, which would lose precision.
    """
    if not isinstance(image, Tensor):
        raise TypeError(f"[convert_image_dtype] the image must be a tensor: got {type(image).__name__}")
    if image.dtype is dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        if (image.dtype is float32 and dtype in (int32, int64)) or (
            image.dtype is float64 and dtype is int64
        ):
            raise RuntimeError(f"[convert_image_dtype] {image.dtype} to {dtype} cannot be done without loss")
        # just below one more than the largest value, so that 1.0 becomes the largest and the steps are even
        return image.mul(_largest(dtype) + 1.0 - 1e-3).to(dtype)
    from_largest = _largest(image.dtype)
    if dtype.is_floating_point:
        return image.to(dtype).div(from_largest)
    to_largest = _largest(dtype)
    if from_largest > to_largest:
        return image.div((from_largest + 1) // (to_largest + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype).mul((to_largest + 1) // (from_largest + 1))


def _largest(dtype: DType) -> int:
    return 1 if dtype.numpy.kind == "b" else int(np.iinfo(dtype.numpy).max)


def normalize(tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """(image - mean) / std for each channel of a floating tensor (..., channels, height, width).

    Raises TypeError for another type, ValueError for fewer than 3 dimensions or a std of zero.

    >>> from facula import ones
    >>> normalize(ones(1, 1, 2), [0.5], [0.25])
    tensor([[[2., 2.]]])
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"[normalize] the image must be a tensor: got {type(tensor).__name__}")
    if not tensor.is_floating_point():
        raise TypeError(f"[normalize] the tensor must be of a floating dtype: got {tensor.dtype}")
    if tensor.dim() < 3:
        raise ValueError(
            f"[normalize] the tensor must be (..., channels, height, width): got {tuple(tensor.shape)}"
        )
    middle, spread = as_tensor(mean, dtype=tensor.dtype), as_tensor(std, dtype=tensor.dtype)
    if (spread == 0).any():
        raise ValueError(f"[normalize] no std may be zero as {tensor.dtype}: got {std}")
    if middle.dim() == 1:
        middle = middle.view(-1, 1, 1)
    if spread.dim() == 1:
        spread = spread.view(-1, 1, 1)
    result = tensor if inplace else tensor.clone()
    return result.sub_(middle).div_(spread)


# ---- geometry --------------------------------------------------------------------------------------------


def _pair(size: Any, name: str) -> tuple[int, int]:
    """(height, width) from an int or a sequence of one or two."""
    if isinstance(size, numbers.Number):
        return int(size), int(size)  # type: ignore[call-overload]
    if isinstance(size, Sequence) and len(size) in (1, 2):
        return size[0], size[-1]
    raise ValueError(f"[{name}] size must be an int or a sequence of one or two: got {size!r}")


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """Resize a Pillow image to `size` (height, width); an int is the shorter side, the other follows.

    With `max_size` (only with an int), the longer side is not made longer than that. Pillow always smooths
    when it shrinks, so `antialias` changes nothing. Raises NotImplementedError for a tensor, ValueError for a
    bad size.
    """
    _require_pil(img, "resize")
    chosen = _filter(interpolation, "resize")
    single = isinstance(size, int) or len(size) == 1
    if max_size is not None and not single:
        raise ValueError(f"[resize] max_size needs a size of one number: got {size} and {max_size}")
    if single:
        wanted = size if isinstance(size, int) else size[0]
        short, long = sorted((img.width, img.height))
        new_short, new_long = wanted, int(wanted * long / short)
        if max_size is not None:
            if max_size <= wanted:
                raise ValueError(f"[resize] max_size must be greater than size: got {max_size} and {wanted}")
            if new_long > max_size:
                new_short, new_long = int(max_size * new_short / new_long), max_size
        width, height = (new_short, new_long) if img.width <= img.height else (new_long, new_short)
    else:
        height, width = _pair(size, "resize")
    if (width, height) == img.size:
        return img
    return img.resize((width, height), chosen)


def _filter(interpolation: InterpolationMode | int, name: str) -> int:
    if isinstance(interpolation, InterpolationMode):
        return _PILLOW_FILTER[interpolation]
    if isinstance(interpolation, int) and interpolation in _PILLOW_FILTER.values():
        return interpolation
    raise TypeError(
        f"[{name}] interpolation must be an InterpolationMode or Pillow's number: got {interpolation!r}"
    )


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """The part of an image; what lies outside it is black."""
    _require_image(img, "crop")
    if not isinstance(img, Tensor):
        return img.crop((left, top, left + width, top + height))
    rows, columns = img.shape[-2], img.shape[-1]
    part = img[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    outside = [
        max(min(left + width, 0) - left, 0) if left < 0 else 0,
        max(min(top + height, 0) - top, 0) if top < 0 else 0,
        max(left + width - max(columns, left), 0),
        max(top + height - max(rows, top), 0),
    ]
    return pad(part, outside) if any(outside) else part


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle of an image, of size `output_size`; a smaller image is padded with black first."""
    height, width = _pair(output_size, "center_crop")
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        wide, high = max(width - columns, 0), max(height - rows, 0)
        img = pad(img, [wide // 2, high // 2, (wide + 1) // 2, (high + 1) // 2])
        _, rows, columns = get_dimensions(img)
        if (height, width) == (rows, columns):
            return img
    return crop(img, round((rows - height) / 2.0), round((columns - width) / 2.0), height, width)


def pad(img: Any, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> Any:
    """Add a border: `padding` is one width, (left and right, top and bottom), or (left, top, right, bottom).

    `padding_mode` is "constant" (with `fill`), "edge", "reflect" or "symmetric" (as `numpy.pad` calls them).
    Raises ValueError for other paddings or modes.
    """
    _require_image(img, "pad")
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError(
            f"[pad] padding_mode must be constant, edge, reflect or symmetric: got {padding_mode!r}"
        )
    sides: list[int] = [padding] if isinstance(padding, int) else list(padding)
    if len(sides) not in (1, 2, 4):
        raise ValueError(f"[pad] padding must be one, two or four numbers: got {padding}")
    left, top, right, bottom = (sides * 4)[:4] if len(sides) < 4 else sides
    if isinstance(img, Tensor):
        if img.requires_grad:
            raise NotImplementedError(
                "[pad] of a tensor that requires grad is not implemented: use nn.functional.pad"
            )
        widths = [(0, 0)] * (img.dim() - 2) + [(top, bottom), (left, right)]
        if min(left, top, right, bottom) < 0:
            raise NotImplementedError(
                f"[pad] of a tensor by a negative padding is not implemented: got {padding}"
            )
        options = {"constant_values": fill or 0} if padding_mode == "constant" else {}
        return wrap(np.pad(img._array, widths, mode=padding_mode, **options))  # type: ignore[call-overload]
    if padding_mode == "constant":
        from PIL import ImageOps

        return ImageOps.expand(img, border=(left, top, right, bottom), fill=fill)
    from PIL import Image

    array = np.asarray(img)
    widths = [(top, bottom), (left, right)] + [(0, 0)] * (array.ndim - 2)
    return Image.fromarray(np.pad(array, widths, mode=padding_mode))  # type: ignore[call-overload]


def hflip(img: Any) -> Any:
    """Mirror an image left to right."""
    _require_image(img, "hflip")
    if isinstance(img, Tensor):
        return img.flip(-1)
    return img.transpose(0)  # Pillow's FLIP_LEFT_RIGHT


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """A grey image with one channel, or with three equal ones. Raises ValueError for another number."""
    _require_image(img, "rgb_to_grayscale")
    if num_output_channels not in (1, 3):
        raise ValueError(f"[rgb_to_grayscale] num_output_channels must be 1 or 3: got {num_output_channels}")
    if isinstance(img, Tensor):
        if img.dim() < 3 or img.shape[-3] not in (1, 3):
            raise TypeError(
                f"[rgb_to_grayscale] a tensor must have 1 or 3 channels: got shape {tuple(img.shape)}"
            )
        grey = img
        if img.shape[-3] == 3:  # the weights of ITU-R 601-2 luma, as Pillow's
            red, green, blue = img.unbind(dim=-3)
            grey = (0.2989 * red + 0.587 * green + 0.114 * blue).to(img.dtype).unsqueeze(dim=-3)
        return grey if num_output_channels == 1 else grey.expand(*grey.shape[:-3], 3, *grey.shape[-2:])
    grey = img.convert("L")
    if num_output_channels == 1:
        return grey
    from PIL import Image

    return Image.merge("RGB", (grey, grey, grey))


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """The same for Pillow images only."""
    _require_pil(img, "to_grayscale")
    return rgb_to_grayscale(img, num_output_channels)
