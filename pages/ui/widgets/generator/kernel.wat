;; The inner loop of generator.js with vector instructions. Addresses are in bytes; all numbers are float32.
(module
  (memory (import "env" "memory") 1)

  ;; Add to the nOut numbers at `output` the products of the nIn numbers at `input` and the matrix
  ;; (nIn, nOut) at `weights`. Inputs that are 0 are left out: after a ReLU about half of them are.
  (func (export "addProducts")
    (param $input i32) (param $nIn i32) (param $weights i32) (param $output i32) (param $nOut i32)
    (local $end i32) (local $outEnd i32) (local $row i32) (local $at i32) (local $from i32) (local $x f32)
    (local $s v128) (local $v0 v128) (local $v1 v128) (local $v2 v128) (local $v3 v128) (local $sum f32)
    (local.set $end (i32.add (local.get $input) (i32.shl (local.get $nIn) (i32.const 2))))
    (local.set $outEnd (i32.add (local.get $output) (i32.shl (local.get $nOut) (i32.const 2))))
    (local.set $row (i32.shl (local.get $nOut) (i32.const 2)))

    ;; One output: the weights are beside each other, four at a time.
    (if (i32.eq (local.get $nOut) (i32.const 1))
      (then
        (block $short
          (loop $four
            (br_if $short (i32.gt_u (i32.add (local.get $input) (i32.const 16)) (local.get $end)))
            (local.set $v0 (f32x4.add (local.get $v0)
              (f32x4.mul (v128.load (local.get $input)) (v128.load (local.get $weights)))))
            (local.set $input (i32.add (local.get $input) (i32.const 16)))
            (local.set $weights (i32.add (local.get $weights) (i32.const 16)))
            (br $four)))
        (local.set $sum (f32.add
          (f32.add (f32x4.extract_lane 0 (local.get $v0)) (f32x4.extract_lane 1 (local.get $v0)))
          (f32.add (f32x4.extract_lane 2 (local.get $v0)) (f32x4.extract_lane 3 (local.get $v0)))))
        (block $done
          (loop $one
            (br_if $done (i32.ge_u (local.get $input) (local.get $end)))
            (local.set $sum (f32.add (local.get $sum)
              (f32.mul (f32.load (local.get $input)) (f32.load (local.get $weights)))))
            (local.set $input (i32.add (local.get $input) (i32.const 4)))
            (local.set $weights (i32.add (local.get $weights) (i32.const 4)))
            (br $one)))
        (f32.store (local.get $output) (f32.add (f32.load (local.get $output)) (local.get $sum)))
        (return)))

    ;; Sixteen outputs at a time.
    (block $fewer
      (loop $sixteen
        (br_if $fewer (i32.gt_u (i32.add (local.get $output) (i32.const 64)) (local.get $outEnd)))
        (local.set $v0 (v128.load (local.get $output)))
        (local.set $v1 (v128.load offset=16 (local.get $output)))
        (local.set $v2 (v128.load offset=32 (local.get $output)))
        (local.set $v3 (v128.load offset=48 (local.get $output)))
        (local.set $from (local.get $input))
        (local.set $at (local.get $weights))
        (block $last
          (loop $each
            (br_if $last (i32.ge_u (local.get $from) (local.get $end)))
            (local.set $x (f32.load (local.get $from)))
            (if (f32.ne (local.get $x) (f32.const 0))
              (then
                (local.set $s (f32x4.splat (local.get $x)))
                (local.set $v0 (f32x4.add (local.get $v0)
                  (f32x4.mul (local.get $s) (v128.load (local.get $at)))))
                (local.set $v1 (f32x4.add (local.get $v1)
                  (f32x4.mul (local.get $s) (v128.load offset=16 (local.get $at)))))
                (local.set $v2 (f32x4.add (local.get $v2)
                  (f32x4.mul (local.get $s) (v128.load offset=32 (local.get $at)))))
                (local.set $v3 (f32x4.add (local.get $v3)
                  (f32x4.mul (local.get $s) (v128.load offset=48 (local.get $at)))))))
            (local.set $from (i32.add (local.get $from) (i32.const 4)))
            (local.set $at (i32.add (local.get $at) (local.get $row)))
            (br $each)))
        (v128.store (local.get $output) (local.get $v0))
        (v128.store offset=16 (local.get $output) (local.get $v1))
        (v128.store offset=32 (local.get $output) (local.get $v2))
        (v128.store offset=48 (local.get $output) (local.get $v3))
        (local.set $output (i32.add (local.get $output) (i32.const 64)))
        (local.set $weights (i32.add (local.get $weights) (i32.const 64)))
        (br $sixteen)))

    ;; The rest, one output at a time.
    (block $none
      (loop $single
        (br_if $none (i32.ge_u (local.get $output) (local.get $outEnd)))
        (local.set $sum (f32.load (local.get $output)))
        (local.set $from (local.get $input))
        (local.set $at (local.get $weights))
        (block $last
          (loop $each
            (br_if $last (i32.ge_u (local.get $from) (local.get $end)))
            (local.set $sum (f32.add (local.get $sum)
              (f32.mul (f32.load (local.get $from)) (f32.load (local.get $at)))))
            (local.set $from (i32.add (local.get $from) (i32.const 4)))
            (local.set $at (i32.add (local.get $at) (local.get $row)))
            (br $each)))
        (f32.store (local.get $output) (local.get $sum))
        (local.set $output (i32.add (local.get $output) (i32.const 4)))
        (local.set $weights (i32.add (local.get $weights) (i32.const 4)))
        (br $single)))))
