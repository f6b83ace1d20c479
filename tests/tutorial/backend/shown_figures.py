"""A matplotlib backend that writes what `plt.show()` would show: each figure's titles and image sizes.

Chosen by MPLBACKEND=module://shown_figures; draws with Agg, so that every artist is really rendered.
"""

from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas

__all__ = ["FigureCanvas", "show"]


def show(*args: object, **kwargs: object) -> None:
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        figure.canvas.draw()
        axes = figure.get_axes()
        sizes = sorted({image.get_size() for axis in axes for image in axis.get_images()})
        print("Figure:", ", ".join(axis.get_title() for axis in axes) or "no title", *sizes)
    pyplot.close("all")
