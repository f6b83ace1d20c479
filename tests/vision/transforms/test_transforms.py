"""The transforms one by one."""

import numpy as np
import pytest

import facula
from facula.vision import transforms as T
from facula.vision.transforms import functional as F

Image = pytest.importorskip("PIL.Image")


def grey(height=4, width=6, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)


def colour(height=4, width=6, channels=3):
    return np.random.default_rng(0).integers(0, 256, (height, width, channels)).astype(np.uint8)


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (T.ToTensor(), "ToTensor()"),
        (T.PILToTensor(), "PILToTensor()"),
        (T.ToPILImage(), "ToPILImage()"),
        (T.ToPILImage("L"), "ToPILImage(mode=L)"),
        (T.Lambda(abs), "Lambda()"),
        (T.Normalize((0.5,), (0.25,)), "Normalize(mean=(0.5,), std=(0.25,))"),
        (T.ConvertImageDtype(facula.float32), "ConvertImageDtype()"),
        (T.Resize(28), "Resize(size=28, interpolation=bilinear, max_size=None, antialias=True)"),
        (T.CenterCrop(3), "CenterCrop(size=(3, 3))"),
        (T.Pad(2), "Pad(padding=2, fill=0, padding_mode=constant)"),
        (T.RandomCrop(28, padding=4), "RandomCrop(size=(28, 28), padding=4)"),
        (T.RandomHorizontalFlip(), "RandomHorizontalFlip(p=0.5)"),
        (T.Grayscale(), "Grayscale(num_output_channels=1)"),
        (T.Compose([]), "Compose(\n)"),
        (T.Compose([T.ToTensor(), T.Lambda(abs)]), "Compose(\n    ToTensor()\n    Lambda()\n)"),
    ],
)
def test_repr(transform, expected):
    assert repr(transform) == expected


def test_to_tensor_of_grey_images():
    array = grey()
    for picture in (array, Image.fromarray(array), array[:, :, None]):
        tensor = T.ToTensor()(picture)
        assert tensor.dtype is facula.float32 and tuple(tensor.shape) == (1, 4, 6) and tensor.is_contiguous()
        np.testing.assert_array_equal(tensor.numpy()[0], array.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("RGBA", 4), ("LA", 2)])
def test_to_tensor_of_colour_images(mode, channels):
    array = colour(channels=channels)
    picture = Image.fromarray(array)
    assert picture.mode == mode
    for given in (picture, array):
        tensor = F.to_tensor(given)
        assert tuple(tensor.shape) == (channels, 4, 6) and tensor.is_contiguous()
        np.testing.assert_array_equal(
            tensor.numpy(), array.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
        )


def test_to_tensor_of_other_modes():
    bits = Image.fromarray(grey() > 100)
    assert bits.mode == "1" and set(F.to_tensor(bits).unique().tolist()) == {0.0, 1.0}
    palette = Image.fromarray(grey()).convert("P")
    assert tuple(F.to_tensor(palette).shape) == (1, 4, 6)
    ints = Image.fromarray(np.arange(6, dtype=np.int32).reshape(2, 3))
    assert F.to_tensor(ints).dtype is facula.int32 and F.to_tensor(ints)[0].tolist() == [[0, 1, 2], [3, 4, 5]]
    floats = Image.fromarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    assert F.to_tensor(floats).dtype is facula.float32 and F.to_tensor(floats).max() == 5


def test_to_tensor_leaves_other_arrays_as_they_are():
    tensor = F.to_tensor(np.ones((2, 3), np.float64))
    assert tensor.dtype is facula.float64 and tuple(tensor.shape) == (1, 2, 3)


def test_to_tensor_does_not_share_memory_with_a_picture():
    picture = Image.fromarray(grey())
    F.pil_to_tensor(picture).fill_(0)
    assert np.array(picture).any()


@pytest.mark.parametrize("thing", [facula.ones(1, 2, 2), [[1]], "x", None])
def test_to_tensor_refuses_what_is_no_picture(thing):
    with pytest.raises(TypeError, match=r"\[to_tensor\]"):
        F.to_tensor(thing)
    with pytest.raises(TypeError, match=r"\[pil_to_tensor\]"):
        F.pil_to_tensor(thing)


@pytest.mark.parametrize("shape", [(3,), (1, 2, 3, 4)])
def test_to_tensor_refuses_other_dimensions(shape):
    with pytest.raises(ValueError, match="2 or 3 dimensions"):
        F.to_tensor(np.ones(shape))


def test_pil_to_tensor():
    array = colour()
    tensor = T.PILToTensor()(Image.fromarray(array))
    assert tensor.dtype is facula.uint8
    np.testing.assert_array_equal(tensor.numpy(), array.transpose(2, 0, 1))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_to_pil_image_and_back(channels):
    array = colour(channels=channels)
    picture = T.ToPILImage()(array)
    assert picture.mode == {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
    np.testing.assert_array_equal(F.pil_to_tensor(picture).numpy(), array.transpose(2, 0, 1))
    again = F.to_pil_image(F.pil_to_tensor(picture))
    assert again.tobytes() == picture.tobytes() and again.mode == picture.mode
    floats = F.to_pil_image(F.to_tensor(picture))
    assert np.abs(np.array(floats).astype(int) - np.array(picture)).max() <= 1


def test_to_pil_image_modes():
    assert F.to_pil_image(np.ones((2, 2), np.float32)).mode == "F"
    assert F.to_pil_image(np.ones((2, 2), np.int32)).mode == "I"
    assert F.to_pil_image(np.full((2, 2), 300, np.int16)).getpixel((0, 0)) == 300
    assert F.to_pil_image(facula.ones(2, 2)).getpixel((0, 0)) == 255
    assert F.to_pil_image(colour(), "HSV").mode == "HSV"
    for thing, mode, error in (
        (colour(), "L", ValueError),
        (grey(), "RGB", ValueError),
        (np.ones((2, 2, 5), np.uint8), None, ValueError),
        (np.ones((2, 2, 3)), None, TypeError),
        (np.ones((2, 2), np.int64), None, TypeError),
        (np.ones(3, np.uint8), None, ValueError),
        (facula.ones(1, 1, 1, 1), None, ValueError),
        ("x", None, TypeError),
    ):
        with pytest.raises(error, match=r"\[to_pil_image\]"):
            F.to_pil_image(thing, mode)


def test_lambda():
    assert T.Lambda(lambda number: number + 1)(1) == 2
    with pytest.raises(TypeError, match="callable"):
        T.Lambda(3)


def test_the_tutorials_one_hot():
    transform = T.Lambda(
        lambda y: facula.zeros(10, dtype=facula.float).scatter_(0, facula.tensor(y), value=1)
    )
    assert transform(3).tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


def test_compose():
    image = T.Compose([T.ToTensor(), T.Normalize(0.5, 0.5)])(np.full((1, 1), 255, np.uint8))
    assert image.tolist() == [[[1.0]]]


def test_normalize():
    image = F.to_tensor(colour())
    mean, std = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]
    expected = image.numpy().copy()
    expected -= np.array(mean, np.float32)[:, None, None]
    expected /= np.array(std, np.float32)[:, None, None]
    before = image.numpy().copy()
    np.testing.assert_array_equal(T.Normalize(mean, std)(image).numpy(), expected)
    np.testing.assert_array_equal(image.numpy(), before)
    batch = facula.stack([image, image])
    np.testing.assert_array_equal(F.normalize(batch, mean, std)[1].numpy(), expected)
    assert T.Normalize(mean, std, inplace=True)(image) is image
    np.testing.assert_array_equal(image.numpy(), expected)


@pytest.mark.parametrize(
    ("image", "mean", "std", "error"),
    [
        (np.ones((1, 2, 2)), 0, 1, TypeError),
        (facula.ones(1, 2, 2, dtype=facula.uint8), 0, 1, TypeError),
        (facula.ones(2, 2), [0.0], [1.0], ValueError),
        (facula.ones(1, 2, 2), [0.0], [0.0], ValueError),
        (facula.ones(1, 2, 2), [0.0], [1e-60], ValueError),
        (facula.ones(1, 2, 2), [0.0] * 3, [1.0] * 3, RuntimeError),
    ],
)
def test_normalize_refuses(image, mean, std, error):
    with pytest.raises(error):
        F.normalize(image, mean, std)


@pytest.mark.parametrize(
    ("source", "target", "values", "expected"),
    [
        ("uint8", "float32", [0, 255], [0.0, 1.0]),
        ("uint8", "float64", [0, 51], [0.0, 0.2]),
        ("float32", "uint8", [0.0, 0.5, 1.0], [0, 127, 255]),
        ("float32", "float64", [0.5], [0.5]),
        ("uint8", "int16", [0, 255], [0, 255 * 128]),
        ("int16", "uint8", [0, 32767, 256], [0, 255, 2]),
        ("uint8", "uint8", [7], [7]),
    ],
)
def test_convert_image_dtype(source, target, values, expected):
    image = facula.tensor(values, dtype=getattr(facula, source))
    result = T.ConvertImageDtype(getattr(facula, target))(image)
    assert result.dtype is getattr(facula, target) and result.tolist() == expected


def test_convert_image_dtype_refuses():
    for source, target in (("float32", "int32"), ("float32", "int64"), ("float64", "int64")):
        with pytest.raises(RuntimeError, match="without loss"):
            F.convert_image_dtype(facula.ones(1, dtype=getattr(facula, source)), getattr(facula, target))
    with pytest.raises(TypeError):
        F.convert_image_dtype(np.ones(1))
    with pytest.raises(TypeError):
        T.ConvertImageDtype("float32")


@pytest.mark.parametrize(
    ("size", "max_size", "expected"),
    [(3, None, (5, 3)), ([3], None, (5, 3)), ((5, 7), None, (7, 5)), (3, 4, (4, 2)), (6, None, (10, 6))],
)
def test_resize(size, max_size, expected):
    picture = Image.fromarray(grey(6, 10))
    assert T.Resize(size, max_size=max_size)(picture).size == expected


def test_resize_options():
    picture = Image.fromarray(grey(6, 10))
    assert T.Resize(6)(picture) is picture
    for mode in T.InterpolationMode:
        assert F.resize(picture, (3, 5), mode).size == (5, 3)
    nearest = F.resize(picture, (3, 5), T.InterpolationMode.NEAREST)
    assert set(np.array(nearest).ravel()) <= set(np.array(picture).ravel())
    upright = Image.fromarray(grey(10, 6))
    assert F.resize(upright, 3).size == (3, 5)
    with pytest.raises(NotImplementedError, match="tensor"):
        F.resize(facula.ones(1, 4, 4), 2)
    with pytest.raises(ValueError, match="greater than size"):
        F.resize(picture, 4, max_size=4)
    with pytest.raises(ValueError, match="max_size needs"):
        F.resize(picture, (4, 4), max_size=5)
    with pytest.raises(TypeError, match="interpolation"):
        T.Resize(3, interpolation="bilinear")
    with pytest.raises(ValueError, match="one or two"):
        T.Resize((1, 2, 3))
    with pytest.raises(TypeError):
        T.Resize(1.5)


def both(array):
    """A grey array as a picture and as a tensor, and how to read the result."""
    return (
        (Image.fromarray(array), np.array),
        (facula.from_numpy(array.copy())[None], lambda tensor: tensor.numpy()[0]),
    )


@pytest.mark.parametrize("box", [(1, 2, 2, 3), (0, 0, 4, 6), (-1, -2, 4, 5), (2, 3, 5, 9), (-2, -2, 10, 10)])
def test_crop(box):
    array = grey()
    top, left, height, width = box
    padded = np.pad(array, 20)[20 + top : 20 + top + height, 20 + left : 20 + left + width]
    for image, read in both(array):
        np.testing.assert_array_equal(read(F.crop(image, *box)), padded)


@pytest.mark.parametrize(
    ("size", "top", "left"), [((2, 2), 1, 2), ((4, 6), 0, 0), ((3, 3), 0, 2), ((1, 1), 2, 2)]
)
def test_center_crop(size, top, left):
    array = grey()
    for image, read in both(array):
        got = read(T.CenterCrop(size)(image))
        np.testing.assert_array_equal(got, array[top : top + size[0], left : left + size[1]])


def test_center_crop_of_a_smaller_image():
    array = grey(2, 3)
    for image, read in both(array):
        got = read(F.center_crop(image, [4, 4]))
        np.testing.assert_array_equal(got, np.pad(array, ((1, 1), (0, 1))))


@pytest.mark.parametrize(
    ("padding", "widths"),
    [
        (1, ((1, 1), (1, 1))),
        ([2], ((2, 2), (2, 2))),
        ((1, 2), ((2, 2), (1, 1))),
        ((1, 2, 3, 0), ((2, 0), (1, 3))),
    ],
)
@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
def test_pad(padding, widths, mode):
    array = grey()
    for image, read in both(array):
        np.testing.assert_array_equal(
            read(T.Pad(padding, padding_mode=mode)(image)), np.pad(array, widths, mode=mode)
        )


def test_pad_fill_and_errors():
    for image, read in both(grey()):
        assert read(F.pad(image, 1, fill=9))[0].tolist() == [9] * 8
        with pytest.raises(ValueError, match="padding_mode"):
            F.pad(image, 1, padding_mode="nonsense")
        with pytest.raises(ValueError, match="one, two or four"):
            F.pad(image, (1, 2, 3))
    with pytest.raises(ValueError, match="one, two or four"):
        T.Pad((1, 2, 3))
    with pytest.raises(ValueError, match="padding_mode"):
        T.Pad(1, padding_mode="nonsense")
    with pytest.raises(NotImplementedError, match="negative"):
        F.pad(facula.ones(1, 2, 2), -1)
    with pytest.raises(TypeError):
        F.pad("x", 1)


def test_random_crop():
    array = grey(10, 10)
    for image, read in both(array):
        facula.manual_seed(0)
        crops = [read(T.RandomCrop(4)(image)) for _ in range(30)]
        windows = np.lib.stride_tricks.sliding_window_view(array, (4, 4)).reshape(-1, 16).tolist()
        assert all(crop.ravel().tolist() in windows for crop in crops)
        assert len({crop.tobytes() for crop in crops}) > 10
        facula.manual_seed(0)
        assert (read(T.RandomCrop(4)(image)) == crops[0]).all()
        assert read(T.RandomCrop(10)(image)).tobytes() == array.tobytes()
        assert read(T.RandomCrop(12, padding=1)(image)).shape == (12, 12)
        assert read(T.RandomCrop((12, 15), pad_if_needed=True)(image)).shape == (12, 15)
        with pytest.raises(ValueError, match="fit the image"):
            T.RandomCrop(11)(image)


def test_random_flip():
    array = grey()
    for image, read in both(array):
        np.testing.assert_array_equal(read(T.RandomHorizontalFlip(1.0)(image)), array[:, ::-1])
        np.testing.assert_array_equal(read(T.RandomHorizontalFlip(0.0)(image)), array)
        facula.manual_seed(0)
        flips = sum((read(T.RandomHorizontalFlip()(image)) != array).any() for _ in range(400))
        assert 150 < flips < 250


def test_grayscale():
    array = colour()
    picture = Image.fromarray(array)
    assert T.Grayscale()(picture).mode == "L"
    assert T.Grayscale(3)(picture).mode == "RGB"
    tensor = F.pil_to_tensor(picture)
    grey_tensor = T.Grayscale()(tensor)
    assert tuple(grey_tensor.shape) == (1, 4, 6) and grey_tensor.dtype is facula.uint8
    assert np.abs(grey_tensor.numpy()[0].astype(int) - np.array(picture.convert("L"))).max() <= 1
    assert tuple(T.Grayscale(3)(tensor).shape) == (3, 4, 6)
    assert tuple(T.Grayscale(3)(tensor[:1]).shape) == (3, 4, 6)
    assert F.to_grayscale(picture).mode == "L"
    for call in (lambda: F.rgb_to_grayscale(picture, 2), lambda: F.rgb_to_grayscale(tensor, 2)):
        with pytest.raises(ValueError, match="1 or 3"):
            call()
    with pytest.raises(TypeError):
        F.rgb_to_grayscale(tensor[:2])


def test_sizes():
    picture, tensor = Image.fromarray(colour()), facula.ones(3, 4, 6)
    for image in (picture, tensor):
        assert F.get_dimensions(image) == [3, 4, 6] and F.get_image_size(image) == [6, 4]
    with pytest.raises(TypeError):
        F.get_dimensions(np.ones((2, 2)))
