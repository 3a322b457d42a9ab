// Which screen is shown, and the cover over all of them. No sheets and no alerts anywhere: they would lie above the cover.

import BeatcheckApple
import SwiftUI

struct RootView: View {
    @ObservedObject var patrol: Patrol

    var body: some View {
        Group {
            switch patrol.model.screen {
            case .starting: ProgressView()
            case .enrol: EnrolView(patrol: patrol)
            case .unlock: UnlockView(model: patrol.model)
            case .choosePin: ChoosePinView(model: patrol.model)
            case .startShift: ShiftView(model: patrol.model)
            case .patrol: PatrolView(patrol: patrol)
            case .stopped(let error): ErrorView(error: error).padding()
            }
        }
        .frame(maxWidth: .infinity, maxHeight: .infinity)
        .background(Color.ground)
        .foregroundStyle(Color.white)
        .preferredColorScheme(.dark)
        .privacyCover(
            title: "Beatcheck", recording: "The screen is being recorded or mirrored. Stop that to go on.",
            presencePending: patrol.model.presencePending)
    }
}
