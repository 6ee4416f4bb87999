/** The spec reporter, with a last line for people and scripts in a hurry: `N passed, N failed`. */
import Mocha from 'mocha'

class SummaryReporter extends Mocha.reporters.Spec {
  override epilogue(): void {
    super.epilogue()
    console.log(`${this.stats.passes} passed, ${this.stats.failures} failed`)
  }
}

// What require() of this module answers; mocha loads reporters that way.
export { SummaryReporter as 'module.exports' }
