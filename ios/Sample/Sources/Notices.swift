// Notifications: only texts of NoticeText, which say nothing about anybody. NOT BUILT here, see ../README.md.

import BeatcheckApple
import UserNotifications

enum Notices {
    /// Asked once, when the officer has enrolled; refused, there are none.
    static func ask() async {
        _ = try? await UNUserNotificationCenter.current().requestAuthorization(options: [.alert])
    }

    static func show(_ notice: NoticeText) async {
        let content = UNMutableNotificationContent()
        content.title = notice.title
        content.body = notice.body
        // One of each kind: a later one replaces it.
        try? await UNUserNotificationCenter.current().add(UNNotificationRequest(identifier: notice.identifier, content: content, trigger: nil))
    }
}
