// facula._C: the native kernels as Python functions. Arguments are taken as raw handles and looked at through NumPy's C
// interface, which costs a thirtieth of nanobind's ndarray conversion. A function returns NotImplemented for whatever it
// does not cover; only facula.kernels calls it.
#include "bind.h"

#include "arithmetic.h"
#include "arrays.h"
#include "core.h"
#include "cpu.h"
#include "parallel.h"

namespace facula {

NB_MODULE(_C, m) {
  if (_import_array() < 0) throw nb::python_error();
  m.doc() = "Facula's native CPU kernels; use them through facula.kernels.";
  bind_core(m);
  m.def("isa", [] { return cpu::isa_name(cpu::isa()); }, "The instruction set that the kernels use: base, avx2, avx512.");
  m.def("has_isa", &cpu::has_isa, "Whether this processor and this build have the named instruction set.");
  m.def("set_isa", &cpu::set_isa, "Use the named instruction set, to test its kernels; False if there is none such.");
  m.def("get_num_threads", &num_threads);
  m.def("set_num_threads", &set_num_threads);

  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  m.def("add", &add, any, any);
  m.def("sub", &sub, any, any);
  m.def("mul", &mul, any, any);
  m.def("div", &divide, any, any);
  m.def("sum", &sum_of<false>, any, any, nb::arg(), any);
  m.def("mean", &sum_of<true>, any, any, nb::arg(), any);
  m.def("sum_to", &sum_to, any, any);
  m.def("expand", &expand, any, any);
  m.def("loop_of", &loop_of, nb::arg());

  bind_gemm(m);
  bind_conv(m);
  bind_winograd(m);
  bind_conv_weight(m);
  bind_pool(m);
  bind_norm(m);
  bind_softmax(m);
  bind_embedding(m);
  bind_activation(m);
  bind_attention(m);
  bind_images(m);
  bind_optim(m);
  bind_memory(m);
}

}  // namespace facula
