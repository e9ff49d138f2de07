// What each view of a stepper has at hand; what it remembers is its own.

export class View {
  /** @param {import("./stepper.js").Stepper} stepper */
  constructor(stepper) {
    this.stepper = stepper;
  }
  get run() {
    return this.stepper.run;
  }
  get index() {
    return this.stepper.index;
  }
  get state() {
    return this.stepper.state;
  }
  get focus() {
    return this.stepper.focus;
  }
  get machine() {
    return this.stepper.machine;
  }
  get guest() {
    return this.run.data.machine.guest;
  }
  get parts() {
    return this.stepper.parts;
  }
  // The search that this step belongs to: which table was asked, about which vCPU.
  lookup() {
    const chunk = this.focus.chunk;
    return chunk && chunk.lookup >= 0 && chunk.lookup <= this.index ? this.run.steps[chunk.lookup] : null;
  }
  // The vCPU on which the step happens.
  actingVcpu() {
    const { run, index } = this;
    for (const at of [index, ...run.ancestors(index).reverse()]) {
      const step = run.steps[at];
      if (step.current !== undefined) return step.current;
      if (step.vcpu !== undefined) return step.vcpu;
    }
    return 0;
  }
}
