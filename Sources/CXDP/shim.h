// The rings of AF_XDP (libxdp's xsk.h, whose functions are inline) and a program that hands the frames of
// a device to sockets (libbpf).
//
// The program is held by a link, and the link by its descriptor: when the process ends, however it ends,
// the kernel takes the program off the device. libxdp's own loader leaves its program behind then.
#pragma once
// libpcap has other structures of these names, and one Swift program sees both.
#define bpf_insn linux_bpf_insn
#define bpf_program libbpf_program
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stddef.h>
#include <unistd.h>
#include <linux/if_link.h>
#include <string.h>
#include <xdp/xsk.h>

// How far the kernel has come in a ring that we produce into.
static inline uint32_t cxdp_consumed(const struct xsk_ring_prod *ring) {
  return __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
}

// A map from the number of a queue to its socket.
static inline int cxdp_make_map(uint32_t queues) {
  return bpf_map_create(BPF_MAP_TYPE_XSKMAP, "martlet_xsk", sizeof(uint32_t), sizeof(int), queues,
                        NULL);
}

static inline int cxdp_put(int map, uint32_t queue, int socket) {
  return bpf_map_update_elem(map, &queue, &socket, BPF_ANY);
}

// return bpf_redirect_map(&map, context->rx_queue_index, XDP_PASS);
static inline int cxdp_load_program(int map) {
  const struct bpf_insn program[] = {
      {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_1,
       .off = offsetof(struct xdp_md, rx_queue_index)},
      {.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_FD,
       .imm = map},
      {.code = 0},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = XDP_PASS},
      {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
      {.code = BPF_JMP | BPF_EXIT},
  };
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_XDP);
  return bpf_prog_load(BPF_PROG_TYPE_XDP, "martlet_xsk", "GPL", program,
                       sizeof program / sizeof *program, &options);
}

// What the program of a veth puts before each frame.
struct cxdp_note {
  // 0 when the frame has a tag beside it.
  int32_t result;
  // In network order.
  uint16_t protocol;
  uint16_t control_information;
};

_Static_assert(sizeof(struct cxdp_note) == 8, "what the program stores");

// The same program, which asks first for the tag that the kernel keeps beside a frame
// (bpf_xdp_metadata_rx_vlan_tag, Linux 6.8), and leaves it before the frame. It runs on one device only.
//
//   struct cxdp_note note = {0};
//   if (bpf_xdp_adjust_meta(context, -8)) return XDP_ABORTED;
//   note.result = bpf_xdp_metadata_rx_vlan_tag(context, &note.protocol, &note.control_information);
//   if (context->data_meta + 8 > context->data) return XDP_ABORTED;
//   *context->data_meta = note;
//   return bpf_redirect_map(&map, context->rx_queue_index, XDP_PASS);
static inline int cxdp_load_tag_program(int map, int device_index) {
  struct btf *types = btf__load_vmlinux_btf();
  if (!types) return -1;
  int question = btf__find_by_name_kind(types, "bpf_xdp_metadata_rx_vlan_tag", BTF_KIND_FUNC);
  btf__free(types);
  if (question < 0) return -1;
  enum { ABORT = 25, DEVICE_BOUND = 1 << 6 };
  const struct bpf_insn program[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_1},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = -8},
      {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_xdp_adjust_meta},
      {.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = BPF_REG_0, .off = ABORT - 4},
      {.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = -8},
      {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_6},
      {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_10},
      {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_2, .imm = -8},
      {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_3, .src_reg = BPF_REG_10},
      {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_3, .imm = -6},
      {.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = question},
      {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_6,
       .off = offsetof(struct xdp_md, data_meta)},
      {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_6,
       .off = offsetof(struct xdp_md, data)},
      {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_3, .src_reg = BPF_REG_1},
      {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_3, .imm = 8},
      {.code = BPF_JMP | BPF_JGT | BPF_X, .dst_reg = BPF_REG_3, .src_reg = BPF_REG_2,
       .off = ABORT - 16},
      {.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_0},
      {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_4, .src_reg = BPF_REG_10, .off = -8},
      {.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_4, .off = 4},
      {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_6,
       .off = offsetof(struct xdp_md, rx_queue_index)},
      {.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1, .src_reg = BPF_PSEUDO_MAP_FD,
       .imm = map},
      {.code = 0},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = XDP_PASS},
      {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
      {.code = BPF_JMP | BPF_EXIT},
      // ABORT:
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_ABORTED},
      {.code = BPF_JMP | BPF_EXIT},
  };
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_XDP,
              .prog_flags = DEVICE_BOUND, .prog_ifindex = (uint32_t)device_index);
  return bpf_prog_load(BPF_PROG_TYPE_XDP, "martlet_xsk", "GPL", program,
                       sizeof program / sizeof *program, &options);
}

// A link that holds the program on a device; in the driver, or in the kernel's generic place.
static inline int cxdp_attach(int program, int device_index, int is_generic) {
  LIBBPF_OPTS(bpf_link_create_opts, options,
              .flags = is_generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
  return bpf_link_create(program, device_index, BPF_XDP, &options);
}

// The name of the program on a device: 1 and at least BPF_OBJ_NAME_LEN bytes, or 0 when there is none.
static inline int cxdp_attached_name(int device_index, char *name) {
  uint32_t number = 0;
  if (bpf_xdp_query_id(device_index, 0, &number) < 0 || number == 0) return 0;
  int program = bpf_prog_get_fd_by_id(number);
  if (program < 0) return 0;
  struct bpf_prog_info information;
  memset(&information, 0, sizeof information);
  uint32_t length = sizeof information;
  int result = bpf_obj_get_info_by_fd(program, &information, &length);
  close(program);
  if (result < 0) return 0;
  memcpy(name, information.name, BPF_OBJ_NAME_LEN);
  name[BPF_OBJ_NAME_LEN - 1] = 0;
  return 1;
}
